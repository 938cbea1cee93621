"""`nova simulate`: recorded calls decided again with another configuration, and what would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nova_core.cli.configuration import find_config, read_config
from nova_core.cli.failures import PROBLEM, UsageError
from nova_core.cli.output import print_json, print_table

if TYPE_CHECKING:
    from nova_core.gateway.rehearsal import Changed, Report

ANY = "any"
COUNTED = ("target", "refusal", "task", "cost")
"""The kinds of changes that `any` stands for."""


def simulate(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration to try.")],
    recorded: Annotated[Path, typer.Option("--recorded", metavar="DIR", help="What `nova serve --record` wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print all changes as JSON.")] = False,
    fail_on_change: Annotated[
        str | None,
        typer.Option("--fail-on-change", metavar="KINDS", help="Exit 1 on any, or on target,refusal,task,cost,order."),
    ] = None,
    show: Annotated[int, typer.Option("--show", help="How many changed calls are listed.", min=0)] = 20,
) -> None:
    """Decide recorded calls again with another configuration, without calling anyone, and print what would change.

    Exit code 0; with --fail-on-change 1 when such a change is found; 2 when there is nothing to simulate.
    """
    kinds = _kinds(fail_on_change)
    report = _report(config, recorded)
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(report))
    else:
        _print(report, show)
    if any(report.totals[kind] for kind in kinds):
        raise typer.Exit(PROBLEM)


def _kinds(text: str | None) -> tuple[str, ...]:
    from nova_core.gateway.rehearsal import KINDS

    if text is None:
        return ()
    named = tuple(part.strip() for part in text.split(","))
    unknown = [name for name in named if name not in (ANY, *KINDS)]
    if unknown:
        raise UsageError(f"--fail-on-change: {unknown[0]!r} is none of {', '.join((ANY, *KINDS))}")
    return tuple(kind for name in named for kind in (COUNTED if name == ANY else (name,)))


def _report(config: Path, recorded: Path) -> Report:
    import asyncio

    import msgspec

    from nova_core.errors import ConfigurationError
    from nova_core.gateway.deciding import start_deciding
    from nova_core.gateway.recorder import lines_of
    from nova_core.gateway.rehearsal import rehearse
    from nova_core.gateway.runtime import build_runtime
    from nova_core.server.paths import dialects

    found = find_config(config)
    assert found is not None
    try:
        runtime = build_runtime(read_config(found))
        asyncio.run(start_deciding(runtime))
        report = rehearse(runtime, lines_of(recorded), dialects())
    except ConfigurationError as error:
        raise UsageError(error.message, hint=error.hint) from error
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{recorded} cannot be read as a recording: {error}") from error
    if not report.calls:
        raise UsageError(f"{recorded} holds no recorded calls", hint="`nova serve --record DIR` writes them")
    return report


def _print(report: Report, show: int) -> None:
    typer.echo(f"{report.calls} recorded calls, {report.compared} decided again")
    for reason, count in report.skipped.items():
        typer.echo(f"{count} not compared: {reason}")
    typer.echo("  ".join(f"{kind} {count}" for kind, count in report.totals.items()))
    typer.echo(f"cost of {report.costed} calls: ${report.cost_before} -> ${report.cost_after}")
    if report.changes and show:
        print_table(("call", "model", "change", "before", "after"), [_row(each) for each in report.changes[:show]])
    if len(report.changes) > show:
        typer.echo(f"{len(report.changes) - show} more: --json has them all")


def _row(changed: Changed) -> tuple[str, ...]:
    from nova_core.gateway.rehearsal import told

    before, after = (told(story, changed.kinds) for story in (changed.before, changed.after))
    return (changed.id, changed.model, ", ".join(changed.kinds), before, after)
