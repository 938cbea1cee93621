"""The `nova` command group: commands that plugins bring, and one way to fail."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from nova_core.cli.failures import INTERRUPTED, CommandError, is_verdict, say, tell, wants_traceback
from nova_core.plugins.discovery import COMMANDS, InstalledPlugin, discover


class NovaGroup(TyperGroup):
    """Own commands first. A plugin's command is known by its distribution's metadata and imported when it is run."""

    @cached_property
    def brought(self) -> dict[str, tuple[InstalledPlugin, ...]]:
        """Commands of installed plugins by name, with every distribution that claims it. Own names cannot be taken."""
        installed = discover()
        names = dict.fromkeys(plugin.name for plugin in installed.commands)
        return {name: installed.owners(COMMANDS, name) for name in names if name not in self.commands}

    def list_commands(self, ctx: Any) -> list[str]:
        """All names: for help and completion."""
        return [*super().list_commands(ctx), *self.brought]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, for a plugin's one a stand-in that only says what it is."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in self.brought:
            return own
        owner = self.brought[cmd_name][0]
        return TyperCommand(cmd_name, help=f"{owner.summary or 'A command'} ({owner.distribution})")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command to run; a plugin is imported here. Raises CommandError when it cannot be."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name not in self.commands:
            command = load_command(name, self.brought[name])
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run, and turn what is raised into a line on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if is_verdict(error) or isinstance(error, BrokenPipeError) or wants_traceback(ctx.params["debug"]):
                raise
            raise typer.Exit(tell(error)) from None


def load_command(name: str, owners: tuple[InstalledPlugin, ...]) -> Any:
    """Import a plugin's command: a typer application or a function. Raises CommandError."""
    from nova_core.plugins.objects import LoadError, Objects

    owner = owners[0]
    if len(owners) > 1:
        claimed = " and ".join(each.distribution for each in owners)
        raise CommandError(f"the command '{name}' is claimed by {claimed}", hint="uninstall one of them")
    if owner.unusable:
        raise CommandError(f"the command '{name}' of {owner.distribution}: {owner.unusable}", hint=owner.mend)
    try:
        found = Objects(None).of_entry_point(owner)
    except LoadError as error:
        mend = f"pip install --force-reinstall {owner.distribution}"
        raise CommandError(f"the command '{name}' of {owner.distribution}: {error}", hint=mend) from error
    if not isinstance(found, typer.Typer):
        if not callable(found):
            raise CommandError(f"the command '{name}' of {owner.distribution} is neither a typer app nor a function")
        application = typer.Typer(rich_markup_mode=None, add_completion=False)
        application.command(name)(found)
        found = application
    command = typer.main.get_command(found)
    command.name = name
    return command
