"""`nova init`: writes a configuration to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nova_core.cli.failures import CommandError


def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("nova.yaml"),
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over a file that is there.")] = False,
) -> None:
    """Write a configuration to start from.

    It is commented, and serves the models that installed providers offer without a key.
    """
    if path.is_dir():
        path = path / "nova.yaml"
    if path.exists() and not force:
        raise CommandError(f"{path} is there already", hint="--force writes over it")
    from nova_core.cli.listing import offered_models
    from nova_core.cli.starter import starter_text
    from nova_core.plugins.discovery import PROVIDERS, discover

    text = starter_text(str(path), offered_models(), discover().names(PROVIDERS))
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    typer.echo(f"wrote {path}; start it with: nova serve --config {path}")
