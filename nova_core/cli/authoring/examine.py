"""`nova plugin test`: whether a plugin does what the core expects of it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from nova_core.cli.failures import PROBLEM, CommandError, UsageError
from nova_core.cli.output import print_json

NEEDED = ("pytest", "pytest_asyncio")


def examine(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The plugin's folder, with its pyproject.toml.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]", help="More arguments for pytest, such as -- -k stream.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Test a plugin: its project, its imports, its declarations, and its tests with the conformance kit.

    The plugin need not be installed. Exit code 1 when something is not as it must be.
    """
    if not (folder / "pyproject.toml").is_file():
        raise UsageError(f"there is no pyproject.toml in {folder}", hint="nova plugin new NAME writes a plugin")
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise CommandError(
            f"testing plugins needs {' and '.join(missing).replace('_', '-')}, not installed here",
            hint='pip install "nova-core[testing]"',
        )
    from nova_core.cli.authoring.trial import tried

    verdict = tried(folder.resolve(), arguments or ())
    if as_json:
        print_json(verdict.as_data())
    else:
        for line in verdict.lines():
            typer.echo(line)
    if not verdict.passed:
        raise typer.Exit(PROBLEM)
