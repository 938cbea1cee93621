"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from nova_core._version import __version__
from nova_core.cli.authoring.group import make_authoring
from nova_core.cli.bench import make_bench
from nova_core.cli.chat import chat
from nova_core.cli.check import check
from nova_core.cli.embed import embed
from nova_core.cli.group import NovaGroup
from nova_core.cli.init import init
from nova_core.cli.models import models
from nova_core.cli.plugins import plugins
from nova_core.cli.providers import providers
from nova_core.cli.route import route
from nova_core.cli.serve import serve
from nova_core.cli.simulate import simulate
from nova_core.cli.why import why

COMMANDS = (serve, chat, embed, models, providers, plugins, check, init, why, route, simulate)


def make_app() -> typer.Typer:
    """A new application. Help is plain text: rendering it with rich would double the time that `--help` takes."""
    app = typer.Typer(
        cls=NovaGroup,
        help="One endpoint in front of every model.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for command in COMMANDS:
        app.command()(command)
    app.add_typer(make_authoring(), name="plugin")
    app.add_typer(make_bench(), name="bench")
    app.command()(version)
    return app


def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback when something fails (also NOVA_DEBUG=1).")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=lambda shown: _show(shown))
    ] = False,
) -> None:
    """One endpoint in front of every model."""


def version() -> None:
    """Show the version."""
    typer.echo(f"nova-core {__version__}")


def _show(shown: bool) -> None:
    if shown:
        version()
        raise typer.Exit
