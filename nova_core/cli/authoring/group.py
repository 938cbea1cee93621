"""The commands of `nova plugin`. What is installed is listed by `nova plugins`."""

from __future__ import annotations

import typer

from nova_core.cli.authoring.examine import examine
from nova_core.cli.authoring.new import new


def make_authoring() -> typer.Typer:
    """A new group."""
    group = typer.Typer(help="Write a plugin, and test it.", no_args_is_help=True, rich_markup_mode=None)
    group.command()(new)
    group.command("test")(examine)
    return group
