"""`nova plugins`: what is installed, what the configuration makes active, what is broken, and what will run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nova_core.cli.configuration import ConfigOption, find_config, read_config
from nova_core.cli.failures import UsageError, say
from nova_core.cli.output import print_json, print_table

if TYPE_CHECKING:
    from nova_core.plugins.listing import PluginRow


def plugins(
    pipeline: Annotated[
        bool, typer.Option("--pipeline", help="Print what runs, hook by hook, in the order in which it is asked.")
    ] = False,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List plugins and their state.

    Active is what the configuration names; for what is missing or broken, the mend is given.
    """
    path = find_config(config)
    if pipeline:
        _pipeline(path, as_json=as_json)
        return
    rows = _rows(path)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    if not rows:
        say("no plugin is installed\nhint: pip install nova-plugin-NAME, or nova plugin new NAME to write one")
        return
    print_table(
        ("state", "distribution", "version", "provides"),
        [(row.state, row.distribution, row.version, _provided(row)) for row in rows],
    )
    for row in rows:
        if row.reason:
            typer.echo(f"{row.state}: {row.distribution or _provided(row)}: {row.reason}\n  {row.mend}")


def _rows(path: Path | None) -> list[PluginRow]:
    """A configuration with broken plugins is listed all the same: that is when the list is needed."""
    from nova_core.gateway.naming import named_plugins
    from nova_core.plugins.discovery import discover
    from nova_core.plugins.listing import list_plugins
    from nova_core.plugins.manager import load_plugins

    installed = discover()
    if path is None:
        return list_plugins(installed)
    settings = read_config(path)
    loaded = load_plugins(
        installed, named_plugins(settings, installed), auto=settings.plugins.auto, base_dir=path.resolve().parent
    )
    return list_plugins(installed, loaded)


def _pipeline(path: Path | None, *, as_json: bool) -> None:
    from nova_core.gateway.runtime import build_runtime
    from nova_core.plugins.compiler import describe

    if path is None:
        raise UsageError("a pipeline is made from a configuration, and there is none here", hint="--config FILE")
    rows = describe(build_runtime(read_config(path)).pipeline)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    print_table(
        ("hook", "order", "plugin", "distribution", "version", "kind"),
        [
            (
                row.hook,
                row.provider or str(row.position),
                row.plugin,
                row.distribution,
                row.version,
                "async" if row.is_async else "sync",
            )
            for row in rows
        ],
    )


def _provided(row: PluginRow) -> str:
    kinds = (("provider", row.providers), ("plugin", row.plugins), ("command", row.commands))
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds if names)
