"""`nova check`: everything that is wrong with a configuration file, with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nova_core.cli.configuration import LOOKUP, find_config
from nova_core.cli.failures import PROBLEM, UsageError
from nova_core.cli.output import has_colours, print_json

if TYPE_CHECKING:
    from nova_core.config import Problem

COLOURS = {"error": typer.colors.RED, "warning": typer.colors.YELLOW}


def check(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help=f"Without it: {LOOKUP}.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict/--lenient", help="Whether a warning is a problem too.")] = True,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the file, for editors.")] = False,
) -> None:
    """Check a configuration file.

    Keys, secrets, plugins, tags, fallbacks, each with file and line. Exit code 1 when something is wrong.
    """
    if schema:
        from nova_core.config.json_schema import config_json_schema

        print_json(config_json_schema())
        return
    path = find_config(file)
    if path is None:
        raise UsageError("there is no configuration file to check", hint="`nova init` writes one")
    from nova_core.gateway.check import check_file

    problems = check_file(path)
    refused = [each for each in problems if each.severity == "error" or (strict and each.severity == "warning")]
    if as_json:
        found = [problem.to_json() for problem in problems]
        print_json({"file": str(path), "ok": not refused, "problems": found})
    else:
        _print(problems, path)
    if refused:
        raise typer.Exit(PROBLEM)


def _print(problems: list[Problem], path: Path) -> None:
    for problem in problems:
        typer.secho(problem.render(), fg=COLOURS.get(problem.severity) if has_colours() else None)
    counted = [(kind, sum(problem.severity == kind for problem in problems)) for kind in ("error", "warning")]
    said = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counted if count)
    typer.echo(f"{path}: {said or 'no problems'}")
