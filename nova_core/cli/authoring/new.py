"""`nova plugin new`: a whole distribution to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nova_core.cli.authoring.naming import PluginNames
from nova_core.cli.authoring.template import Beside, Kind, Wire, plugin_files
from nova_core.cli.failures import CommandError, UsageError


def new(
    name: Annotated[str, typer.Argument(help="What configurations will call it, such as acme in acme/large.")],
    kind: Annotated[Kind, typer.Option("--kind", help="What it does.")] = Kind.PROVIDER,
    wire: Annotated[
        str | None,
        typer.Option(
            "--wire",
            metavar="openai|own",
            help="Of a provider: `openai` (the vendor speaks OpenAI's API), which is usual, or `own`.",
        ),
    ] = None,
    operation: Annotated[
        list[Beside] | None,
        typer.Option("--operation", help="Of an `openai` one: what it serves beside chat. Repeatable."),
    ] = None,
) -> None:
    """Write a plugin that works: a distribution with its tests, in a new folder here.

    Nothing is overwritten. `nova plugin test` passes at once; from there on it is yours to change.
    """
    names, beside = PluginNames.of(name), list(dict.fromkeys(operation or ()))
    spoken = Wire.OPENAI_CHAT if wire is None else Wire.of(wire)
    if wire is not None and kind is not Kind.PROVIDER:
        raise UsageError("--wire is for providers", hint="leave out --kind or --wire")
    if beside and (kind is not Kind.PROVIDER or spoken is not Wire.OPENAI_CHAT):
        raise UsageError("--operation is for providers that speak OpenAI's API", hint="leave out --kind and --wire")
    if kind is Kind.PROVIDER:
        _refuse_owned(names.name)
    folder = Path(names.distribution)
    if folder.exists():
        raise CommandError(f"{folder} is there already, and is left as it is", hint="choose another name")
    for path, text in plugin_files(names, kind, spoken, beside).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {file}")
    typer.echo(f"Next: nova plugin test {folder}")


def _refuse_owned(name: str) -> None:
    """Two distributions with one provider name would stop every gateway that has both."""
    from nova_core.plugins.discovery import PROVIDERS, discover

    if owners := discover().owners(PROVIDERS, name):
        raise CommandError(
            f"the provider '{name}' is served by {owners[0].distribution} already", hint="choose another name"
        )
