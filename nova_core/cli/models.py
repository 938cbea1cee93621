"""`nova models`: what can be called, and who serves it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nova_core.cli.choices import KeyOption
from nova_core.cli.configuration import ConfigOption
from nova_core.cli.output import print_json, print_table

if TYPE_CHECKING:
    from nova_core.cli.listing import ModelRow


def models(
    url: Annotated[
        str | None, typer.Option("--url", envvar="NOVA_URL", help="List those of a running gateway.")
    ] = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    capabilities: Annotated[
        bool, typer.Option("--capabilities", help="List what each configured model can be asked for.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models that can be called.

    Those of the configuration, and those that installed providers offer as provider/model without one.
    """
    if capabilities:
        _capabilities(config, as_json=as_json)
        return
    rows = _remote(url, key) if url is not None else _known(config)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    print_table(
        ("model", "mode", "context", "$/M in", "$/M out", "served by", "source"),
        [
            (
                row.name,
                row.mode or "",
                _shown(row.context),
                _shown(row.input_price),
                _shown(row.output_price),
                row.served_by,
                row.source,
            )
            for row in rows
        ],
    )
    for row in rows:
        if row.problem:
            typer.echo(f"{row.name} cannot be called: {row.problem}")


def _capabilities(config: ConfigOption, *, as_json: bool) -> None:
    from nova_core.cli.abilities import ability_rows, print_abilities
    from nova_core.cli.configuration import find_config, read_config
    from nova_core.cli.failures import UsageError
    from nova_core.gateway.runtime import build_runtime

    path = find_config(config)
    if path is None:
        raise UsageError(
            "capabilities are those of a configuration's models, and there is none here", hint="--config FILE"
        )
    print_abilities(ability_rows(build_runtime(read_config(path))), as_json=as_json)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _remote(url: str, key: str | None) -> list[ModelRow]:
    from nova_core.cli.opening import Where, open_session

    with open_session(Where(url=url, key=key), None) as session:
        return list(session.models())


def _known(config: ConfigOption) -> list[ModelRow]:
    from nova_core.cli.configuration import find_config, read_config
    from nova_core.cli.listing import configured_models, offered_models
    from nova_core.gateway.runtime import build_runtime

    path = find_config(config)
    configured = configured_models(build_runtime(read_config(path)), str(path)) if path is not None else []
    return [*configured, *offered_models()]
