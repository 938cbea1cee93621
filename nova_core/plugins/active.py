"""A plugin that was loaded and accepted: its hooks, checked against the contract."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

import pluggy

from nova_core.errors import ConfigurationError
from nova_core.hookspecs import PROJECT, NovaSpec
from nova_core.plugins.steps import Step, hook_parameters, step_of
from nova_core.types.plugin import ConfigSection

Kind = Literal["provider", "plugin", "callback"]


class PluginRefusedError(ConfigurationError):
    """A plugin object breaks the contract; the message names the hook and what to change."""

    default_code = "plugin_refused"


@dataclass(frozen=True, slots=True)
class Implementation:
    """One hook of one plugin, and where it asked to run."""

    step: Step
    tryfirst: bool = False
    trylast: bool = False


@dataclass(frozen=True, slots=True)
class ActivePlugin:
    """A plugin object in use.

    `names` are the provider names it serves, `known_as` the other names the configuration has for it. `order` is
    its place in the configuration (equal for those that the configuration does not name: they follow by name).
    """

    name: str
    kind: Kind
    plugin: object = field(repr=False)
    impls: Mapping[str, Implementation] = field(repr=False)
    names: tuple[str, ...] = ()
    known_as: tuple[str, ...] = ()
    distribution: str = ""
    version: str = ""
    order: int = 0


def new_manager() -> pluggy.PluginManager:
    """A manager that knows the contract and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(NovaSpec)
    return manager


def activate(
    plugin: object,
    *,
    name: str,
    providers: tuple[str, ...] = (),
    order: int = 0,
    manager: pluggy.PluginManager | None = None,
) -> ActivePlugin:
    """Check a plugin object (an instance or a module) against the contract.

    `manager` is where it is registered, by default one of its own. Raises `PluginRefusedError` for an unknown
    hook, a parameter the hook does not have, a wrapper, an async implementation of a sync hook, a provider
    without `provider_call`, and an object that implements nothing.
    """
    manager = manager or new_manager()
    impls = implementations(plugin, name, manager)
    if not impls:
        raise PluginRefusedError(
            f"{_described(plugin)} implements no hook of this gateway (methods are marked with nova_core.hookimpl)"
        )
    if providers and "provider_call" not in impls:
        raise PluginRefusedError(f"it is named as provider {', '.join(providers)} but has no provider_call hook")
    kind: Kind = "provider" if providers else "plugin"
    known_as = () if providers else (name,)
    return ActivePlugin(name, kind, plugin, impls, names=providers, known_as=known_as, order=order)


def implementations(plugin: object, name: str, manager: pluggy.PluginManager) -> dict[str, Implementation]:
    """Register with `manager`, which validates, and answer the hooks; nothing stays registered when it raises."""
    try:
        registered = manager.register(plugin, name)
    except pluggy.PluginValidationError as error:
        raise PluginRefusedError(_one_line(str(error))) from error
    except ValueError as error:
        raise PluginRefusedError("it equals another plugin that is registered already") from error
    if registered is None:
        raise PluginRefusedError("the plugin object is None")
    try:
        return _checked(plugin, name, manager)
    except BaseException:
        manager.unregister(name=name)
        raise


def _checked(plugin: object, name: str, manager: pluggy.PluginManager) -> dict[str, Implementation]:
    found: dict[str, Implementation] = {}
    for caller in manager.get_hookcallers(plugin) or ():
        for impl in caller.get_hookimpls():
            if impl.plugin is not plugin:
                continue
            if not caller.has_spec():
                _refuse_unknown(caller.name, impl)
                continue
            if caller.name in found:
                raise PluginRefusedError(f"it implements {caller.name} twice")
            if impl.hookwrapper or impl.wrapper:
                raise PluginRefusedError(
                    f"its {caller.name} is a wrapper; hooks here answer None, a value, or raise "
                    "(pre_call and post_call of one plugin already enclose what is inside it)"
                )
            try:
                step = step_of(name, caller.name, impl.function)
            except TypeError as error:
                raise PluginRefusedError(str(error)) from error
            found[caller.name] = Implementation(step, tryfirst=impl.tryfirst, trylast=impl.trylast)
    return found


def check_sections(plugin: ActivePlugin) -> None:
    """Ask for the configuration keys it honours. Raises `PluginRefusedError` when it cannot tell."""
    declared = plugin.impls.get("register_config")
    if declared is None:
        return
    try:
        sections = declared.step.call()
    except Exception as error:
        raise PluginRefusedError(f"its register_config raised {type(error).__name__}") from error
    if not isinstance(sections or (), Sequence) or not all(isinstance(each, ConfigSection) for each in sections or ()):
        raise PluginRefusedError("its register_config must answer a list of ConfigSection")


def _refuse_unknown(hook: str, impl: Any) -> None:
    if impl.optionalhook:
        return
    near = difflib.get_close_matches(hook, hook_parameters(), n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise PluginRefusedError(f"it implements {hook!r}, which is no hook of this gateway{hint}")


def _described(plugin: object) -> str:
    return f"the module {plugin.__name__}" if isinstance(plugin, ModuleType) else f"the {type(plugin).__name__} object"


def _one_line(text: str) -> str:
    return " ".join(text.split())
