"""`nova providers`: which prefixes there are, what each serves, and what it needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nova_core.cli.failures import say
from nova_core.cli.output import print_json, print_table

if TYPE_CHECKING:
    from nova_core.plugins.provider_rows import ProviderRow


def providers(
    name: Annotated[str | None, typer.Argument(help="List those with this in their prefix.")] = None,
    operation: Annotated[
        str | None, typer.Option("--operation", "-o", help="List those that serve it: chat, embedding, …")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the providers that are installed.

    For each its prefix, what it serves, the environment variable of its key, and where it is asked.
    """
    rows = [
        row
        for row in _rows()
        if (name is None or name in row.prefix) and (operation is None or operation in (*row.operations, *row.natives))
    ]
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    if not rows:
        say(_none(name, operation))
        return
    print_table(
        ("prefix", "operations", "key", "address", "distribution"),
        [
            (
                f"{row.prefix}/",
                row.operations_in_words(),
                row.key_in_words(),
                row.address_in_words(),
                row.distribution,
            )
            for row in rows
        ],
    )


def _none(name: str | None, operation: str | None) -> str:
    """That there is nothing to list, and what to do."""
    wanted = [*([f"with '{name}' in its prefix"] if name else []), *([f"that serves {operation}"] if operation else [])]
    return f"{' '.join(('no provider', *wanted))} is installed\nhint: pip install nova-plugin-NAME"


def _rows() -> list[ProviderRow]:
    """Every installed provider; what cannot be imported is told on stderr and left out."""
    from nova_core.plugins.discovery import PROVIDERS, discover
    from nova_core.plugins.manager import Named, load_plugins
    from nova_core.plugins.provider_rows import active_rows

    installed = discover()
    named = [Named(name, "provider", "the list of providers") for name in installed.names(PROVIDERS)]
    loaded = load_plugins(installed, named)
    for broken in loaded.broken:
        say(f"warning: {broken}")
    return active_rows(loaded.active)
