"""`nova bench`: what calls cost on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nova_core.cli.failures import CommandError
from nova_core.cli.output import print_json, print_table

if TYPE_CHECKING:
    from nova_core.cli.profiling.report import Profile


def profile(
    calls: Annotated[int, typer.Option("--calls", "-n", help="How many calls.", min=100)] = 20_000,
    connections: Annotated[int, typer.Option("--connections", "-c", help="Callers at once.", min=1)] = 32,
    prompt_bytes: Annotated[int, typer.Option("--prompt-bytes", help="Length of the prompt.", min=5)] = 100,
    chunks: Annotated[int, typer.Option("--chunks", help="Stream so many; times are a chunk.", min=0)] = 0,
    functions: Annotated[int, typer.Option("--functions", help="List this many functions, too.", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """CPU time of a call by stage: a gateway in this process, real sockets, an upstream that answers at once.

    The interpreter is looked at two thousand times a second; each look counts for the stage that was running.
    """
    if sys.platform == "win32":
        raise CommandError("the profile needs the signals of a Unix system")
    from nova_core.cli.profiling.report import measured
    from nova_core.cli.profiling.scene import Load

    found = measured(Load(calls, connections, prompt_bytes, chunks))
    if as_json:
        print_json(found.as_dict(functions))
    else:
        _show(found, functions, unit="µs a chunk" if chunks else "µs a call")
    if found.failures:
        raise CommandError(f"{found.failures} of {calls} calls failed")


def _show(found: Profile, functions: int, *, unit: str) -> None:
    lines = [(stage, f"{spent:.1f}", f"{spent / found.call:.0%}") for stage, spent in found.stages.items()]
    print_table(("stage", unit, "share"), [*lines, ("all", f"{found.call:.1f}", "")])
    if functions:
        typer.echo("")
        rows = [(each.stage, each.name, f"{each.microseconds:.1f}") for each in found.functions[:functions]]
        print_table(("stage", "function itself", unit), rows)


def make_bench() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(help="What calls cost on this machine.", rich_markup_mode=None, no_args_is_help=True)
    group.callback()(_nothing)
    group.command()(profile)
    return group


def _nothing() -> None:
    """What calls cost on this machine."""
