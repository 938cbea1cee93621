"""What Python gives the library: classes for answers, objects for messages, and things that are no JSON."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from nova_core import BadRequestError, completion, responses
from nova_core.testing.upstream import ScriptedUpstream

HELLO = [{"role": "user", "content": "say hello"}]


class Place(BaseModel):
    """A place."""

    city: str
    near: Place | None = Field(None, description="another place")


class Trip(BaseModel):
    """A trip."""

    days: int = 3
    start: Place = Field(description="where it begins")


class Turn(BaseModel):
    """A message of one's own."""

    role: str
    content: str
    name: str | None = None


@pytest.fixture
def asked(threaded_upstream: ScriptedUpstream) -> dict[str, Any]:
    """How the scripted upstream is called."""
    threaded_upstream.script("*", text='{"city": "Oslo"}')
    return {"model": "openai/gpt-4.1", "api_base": f"{threaded_upstream.url}/v1", "api_key": "sk-1234"}


def test_a_class_describes_the_answer(threaded_upstream: ScriptedUpstream, asked: dict[str, Any]) -> None:
    completion(messages=HELLO, response_format=Trip, **asked)
    wanted = threaded_upstream.last.json["response_format"]
    assert (wanted["type"], wanted["json_schema"]["name"], wanted["json_schema"]["strict"]) == (
        "json_schema", "Trip", True,
    )  # fmt: skip
    schema = wanted["json_schema"]["schema"]
    assert (schema["required"], schema["additionalProperties"]) == (["days", "start"], False)
    start, place = schema["properties"]["start"], schema["$defs"]["Place"]
    assert (start["description"], start["required"]) == ("where it begins", ["city", "near"])
    assert place["properties"]["near"]["anyOf"] == [{"$ref": "#/$defs/Place"}, {"type": "null"}]
    responses(input="Where?", text_format=Place, text={"verbosity": "low"}, **asked)
    said = threaded_upstream.last.json["text"]
    assert (said["verbosity"], said["format"]["type"], said["format"]["name"]) == ("low", "json_schema", "Place")


def test_messages_may_be_objects_and_those_of_replies(
    threaded_upstream: ScriptedUpstream, asked: dict[str, Any]
) -> None:
    first = completion(messages=HELLO, **asked)
    said = (*HELLO, first.choices[0].message, Turn(role="user", content="And?"))  # type: ignore[union-attr]
    completion(messages=said, **asked)
    assert [turn["role"] for turn in threaded_upstream.last.json["messages"]] == ["user", "assistant", "user"]
    assert threaded_upstream.last.json["messages"][2] == {"role": "user", "content": "And?"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "user", "content": object()}]}, "JSON"),
        ({"messages": HELLO, "extra": object()}, "JSON"),
        ({"messages": HELLO, "tools": len}, "JSON"),
        ({"messages": HELLO, "model": "openai/"}, "provider/model"),
        ({"messages": HELLO, "model": None}, "provider/model"),
    ],
)
def test_what_cannot_be_said_is_the_programs_to_mend(
    threaded_upstream: ScriptedUpstream, asked: dict[str, Any], given: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadRequestError, match=named):
        completion(**{**asked, **given})
    assert threaded_upstream.requests == []
