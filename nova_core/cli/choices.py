"""Options that several commands share: where calls go."""

from __future__ import annotations

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
