"""Options of several commands (where calls go), and those that belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="NOVA_URL", help="A running gateway; http://127.0.0.1:4000 if that answers."),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", envvar="NOVA_API_KEY", show_envvar=True, help="Key for the running gateway."),
]
InProcessOption = Annotated[
    bool, typer.Option("--in-process", help="Call from this process, even if a gateway is running.")
]
RecordOption = Annotated[
    Path | None, typer.Option("--record", metavar="DIR", help="Record what decisions need, for `nova simulate`.")
]
RecordBodiesOption = Annotated[
    bool, typer.Option("--record-bodies", help="Record texts too, not only their lengths; never credentials.")
]
RecordMbOption = Annotated[
    int, typer.Option("--record-mb", help="Most MiB of recordings in the folder; the oldest are deleted.", min=1)
]
