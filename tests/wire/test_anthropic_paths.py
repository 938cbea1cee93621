"""Paths of fields as a caller of the Messages API knows them."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.wire.anthropic_messages.paths import caller_path

RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
TEXT = {"type": "text", "text": "x"}
TURNS: list[Any] = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": [TEXT, TEXT]},
    {"role": "user", "content": [TEXT, RESULT, RESULT, TEXT]},
    {"role": "user", "content": [RESULT]},
    {"role": "user", "content": [TEXT]},
]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("messages[0].content[0]", "messages[0].content"),
        ("messages[1].content[1].extra", "messages[1].content[1].extra"),
        ("messages[2].content[0]", "messages[2].content[1]"),
        ("messages[2].content[1].is_error", "messages[2].content[2].is_error"),
        ("messages[3].content[1].title", "messages[2].content[3].title"),
        ("messages[4].content[0].content[1]", "messages[3].content[0].content[1]"),
        ("messages[5].content[0]", "messages[4].content[0]"),
        ("messages[5].name", "messages[4].name"),
        ("messages[9].content[0]", "messages[9].content[0]"),
        ("tools[0].name", "tools[0].name"),
        ("top_k", "top_k"),
        ("stop[1]", "stop_sequences[1]"),
        ("response_format.schema", "output_config.format.schema"),
        ("reasoning_effort.summary", "thinking.display"),
    ],
)
def test_a_field_of_the_typed_view_is_found_where_the_caller_wrote_it(field: str, expected: str) -> None:
    assert caller_path({"messages": TURNS}, field) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "adaptive"}}, "thinking"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "output_config.effort"),
        ({}, "output_config.effort"),
    ],
)
def test_how_much_to_think_is_named_as_the_caller_said_it(members: Any, expected: str) -> None:
    assert caller_path(members, "reasoning_effort") == expected


@pytest.mark.parametrize(("system", "expected"), [("be brief", "system"), ([TEXT, TEXT], "system[1]")])
def test_instructions_are_not_counted_as_a_message(system: Any, expected: str) -> None:
    members = {"system": system, "messages": TURNS}
    assert caller_path(members, "messages[0].content[1]").startswith(expected)
    assert caller_path(members, "messages[3].content[0]") == "messages[2].content[1]"
