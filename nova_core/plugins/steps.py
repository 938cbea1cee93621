"""One hook of one plugin as the thing that is called: the spec's parameters in, the answer out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from nova_core.hookspecs import NovaSpec

SYNC_HOOKS = frozenset(
    {
        "plan_call",
        "route_state",
        "route_select",
        "route_rank",
        "attempt_started",
        "post_call_stream",
        "register_routes",
        "resolve_model",
        "provide_store",
        "register_config",
        "list_models",
        "describe_model",
    }
)
"""Hooks whose implementations must be plain functions; the contract's documentation says so too."""


@dataclass(frozen=True, slots=True)
class Step:
    """A hook implementation, ready to run.

    `call` takes exactly the spec's parameters, positionally; with `is_async` its result must be awaited.
    """

    plugin: str
    hook: str
    call: Callable[..., Any] = field(repr=False)
    is_async: bool = False

    async def ask(self, *args: Any) -> Any:
        """Call with the spec's parameters and answer the answer."""
        answer = self.call(*args)
        return await answer if self.is_async else answer


@cache
def hook_parameters() -> Mapping[str, tuple[str, ...]]:
    """Hook name → parameter names, in the order of the contract."""
    specs = {name: spec for name, spec in vars(NovaSpec).items() if hasattr(spec, "nova_spec")}
    return MappingProxyType({name: tuple(inspect.signature(spec).parameters)[1:] for name, spec in specs.items()})


def step_of(plugin: str, hook: str, function: Callable[..., Any]) -> Step:
    """The step for a bound function that implements `hook`.

    Raises `TypeError` (with a sentence for the plugin's author) when it cannot be called that way.
    """
    is_async = _is_async(hook, function)
    wanted = _wanted(hook, function)
    return Step(plugin, hook, _adapted(function, wanted, hook_parameters()[hook]), is_async)


def _is_async(hook: str, function: Callable[..., Any]) -> bool:
    if inspect.isasyncgenfunction(function):
        if hook == "post_call_stream":
            return False
        raise TypeError(f"its {hook} is an async generator; only post_call_stream may be one")
    is_async = inspect.iscoroutinefunction(function)
    if is_async and hook in SYNC_HOOKS:
        raise TypeError(f"its {hook} is async, and this hook must be a plain function")
    if not is_async and inspect.iscoroutinefunction(inspect.unwrap(function)):
        raise TypeError(f"its {hook} is async under a decorator that hides it; make the decorator's wrapper async")
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"its {hook} is a generator; hooks answer with a value")
    return is_async


def _wanted(hook: str, function: Callable[..., Any]) -> tuple[str, ...]:
    """The spec's parameters that the function takes, in its own order."""
    known = hook_parameters()[hook]
    wanted: list[str] = []
    own: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"its {hook} takes {parameter}; name the parameters it wants: {_listed(known)}")
        if parameter.name in known and parameter.kind is parameter.KEYWORD_ONLY:
            raise TypeError(f"its {hook} takes {parameter.name!r} by keyword only; hooks are called positionally")
        if parameter.name in known and own:
            raise TypeError(f"its {hook} takes {own[0]!r} before {parameter.name!r}; move it to the end")
        if parameter.name in known:
            wanted.append(parameter.name)
        elif parameter.default is parameter.empty:
            raise TypeError(f"its {hook} takes {parameter.name!r}; the parameters of this hook are {_listed(known)}")
        else:
            own.append(parameter.name)
    return tuple(wanted)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _adapted(function: Callable[..., Any], wanted: tuple[str, ...], given: tuple[str, ...]) -> Callable[..., Any]:
    if wanted == given:
        return function
    places = tuple(given.index(name) for name in wanted)
    if not places:
        return lambda *_: function()
    if len(places) == 1:
        (place,) = places
        return lambda *args: function(args[place])
    pick = itemgetter(*places)
    return lambda *args: function(*pick(args))
