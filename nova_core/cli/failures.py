"""How a command that fails says so: one readable line on stderr, a hint, and an exit code."""

from __future__ import annotations

import os
from typing import ClassVar

import typer

from nova_core.errors import NovaError

PROBLEM = 1
WRONG_USAGE = 2
INTERRUPTED = 130


class CommandError(NovaError):
    """The command cannot do what it was asked; the message is for the person at the terminal."""

    exit_status: ClassVar[int] = PROBLEM


class UsageError(CommandError):
    """The command line, or what it leaves out, cannot be obeyed."""

    exit_status: ClassVar[int] = WRONG_USAGE


def is_verdict(error: Exception) -> bool:
    """Whether the command line library raised it to end the program: it shows those itself."""
    return isinstance(error, typer.Abort) or hasattr(error, "exit_code")


def wants_traceback(debug: bool) -> bool:
    """`--debug`, or NOVA_DEBUG set to anything that does not mean no."""
    return debug or os.environ.get("NOVA_DEBUG", "").lower() not in ("", "0", "false", "no")


def tell(error: Exception) -> int:
    """Write what went wrong to stderr; answers the exit code."""
    if not isinstance(error, NovaError):
        say(f"error: {type(error).__name__}: {error}", typer.colors.RED)
        say("hint: this should not happen; `nova --debug …` shows where it did", typer.colors.YELLOW)
        return PROBLEM
    message = str(error) or type(error).__name__
    # Findings in a configuration file begin with file:line and say themselves how bad they are.
    say(message if getattr(error, "problems", None) else f"error: {message}", typer.colors.RED)
    if error.hint:
        say(f"hint: {error.hint}", typer.colors.YELLOW)
    return getattr(error, "exit_status", PROBLEM)


def say(text: str, colour: str | None = None) -> None:
    """A line on stderr; the colour is left out where nobody sees it."""
    if colour is None or os.environ.get("NO_COLOR"):
        typer.echo(text, err=True)
    else:
        typer.secho(text, err=True, fg=colour)
