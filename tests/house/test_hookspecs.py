"""The plugin contract is documented, versioned and does not change by accident."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.hookspec_snapshot import SNAPSHOT, contract_version, hookspecs, parameters, rendered

THE_FOUR_THAT_CARRY_A_CALL = {"pre_call", "route_select", "provider_call", "post_call"}
BESIDE_THEM = {
    "post_call_stream",
    "plan_call",
    "route_state",
    "route_rank",
    "attempt_started",
    "attempt_finished",
    "call_failed",
    "call_finished",
    "authenticate",
    "startup",
    "shutdown",
    "register_routes",
    "resolve_model",
    "provide_store",
    "register_config",
    "list_models",
    "describe_model",
}


@pytest.mark.parametrize("hook", hookspecs(), ids=lambda hook: hook.name)
def test_the_docstring_of_a_hook_names_every_parameter(hook):
    text = ast.get_docstring(hook) or ""
    unnamed = [name for name in parameters(hook) if not re.search(rf"`{name}\b", text)]
    assert text
    assert unnamed == []


@pytest.mark.parametrize("hook", hookspecs(), ids=lambda hook: hook.name)
def test_a_hook_is_fully_typed(hook):
    arguments = [*hook.args.posonlyargs, *hook.args.args, *hook.args.kwonlyargs]
    untyped = [argument.arg for argument in arguments if argument.arg != "self" and argument.annotation is None]
    assert untyped == []
    assert hook.returns is not None


def test_all_hooks_of_the_contract_are_there():
    assert {hook.name for hook in hookspecs()} == THE_FOUR_THAT_CARRY_A_CALL | BESIDE_THEM


def test_the_contract_carries_a_version():
    assert re.fullmatch(r"\d+\.\d+", contract_version())


def test_signatures_equal_the_snapshot():
    """A change is meant: run `python -m tests.house.hookspec_snapshot` and add a changelog fragment."""
    assert rendered() == SNAPSHOT.read_text(encoding="utf-8")
