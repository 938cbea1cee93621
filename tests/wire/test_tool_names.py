"""Names of tools that are too long for an upstream."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from nova_core.types.chat import ChatRequest, Message, Text, Tool, ToolCall, ToolChoice, ToolResult
from nova_core.wire.tool_names import changed_names, fitting_name, long_names, short_name, with_short_names

LONG = "look_up_the_weather_of_a_city_and_of_everything_around_it_for_the_next_days"


@given(st.sets(st.text(min_size=1, max_size=120), max_size=8), st.integers(20, 64))
def test_shortened_names_fit_differ_and_lead_back(names: set[str], limit: int):
    short = {name: short_name(name, limit) for name in names}
    assert all(len(each) <= limit for each in short.values())
    assert len(set(short.values())) == len(names)
    back = long_names(names, limit)
    assert {back.get(each, each) for each in short.values()} == names


@given(st.sets(st.text("aB1_-.:/ é", min_size=1, max_size=120), max_size=8), st.integers(20, 128))
def test_fitting_names_have_few_characters_differ_and_lead_back(names: set[str], limit: int):
    fitting = {name: fitting_name(name, limit) for name in names}
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", each) and len(each) <= limit for each in fitting.values())
    assert len(set(fitting.values())) == len(names)
    back = changed_names(ChatRequest("m", (), tools=tuple(map(Tool, names))), limit)
    assert {back.get(each, each) for each in fitting.values()} == names


def test_a_typed_request_has_short_names_everywhere():
    request = ChatRequest(
        "m",
        (
            Message("user", (Text(LONG),)),
            Message("assistant", (ToolCall("1", LONG, "{}"), ToolCall("2", "other", "{}"))),
            Message("tool", (ToolResult("1", (Text("x"),), name=LONG), ToolResult("2", (Text("y"),)))),
        ),
        tools=(Tool(LONG), Tool("other")),
        tool_choice=ToolChoice("named", LONG),
    )
    short = with_short_names(request, 64)
    name = short_name(LONG, 64)
    assert [tool.name for tool in short.tools if isinstance(tool, Tool)] == [name, "other"]
    assert short.tool_choice == ToolChoice("named", name)
    assert short.messages[0] == request.messages[0]
    assert [part.name for part in short.messages[1].parts if isinstance(part, ToolCall)] == [name, "other"]
    assert [part.name for part in short.messages[2].parts if isinstance(part, ToolResult)] == [name, None]
    assert with_short_names(short, 64) is short
