"""What is asked and answered in the tests of every library."""

from __future__ import annotations

from typing import Any

import pydantic

USAGE = (11, 7)
HELLO: dict[str, Any] = {"text": "Hello there, Ada.", "usage": USAGE}
PERSON: dict[str, Any] = {"name": "Ada", "age": 36}
AS_JSON: dict[str, Any] = {"text": '{"name": "Ada", "age": 36}', "usage": USAGE}
AS_CALL: dict[str, Any] = {"tool_calls": [("Person", PERSON)], "usage": USAGE}
CALLS: dict[str, Any] = {
    "tool_calls": [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "CET"})], "usage": USAGE,
}  # fmt: skip
MODELS = ("gpt", "claude")


class Person(pydantic.BaseModel):
    """Somebody."""

    name: str
    age: int


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"minus seven degrees in {city}"


def get_time(zone: str) -> str:
    """The time of a zone."""
    return f"a quarter past nine in {zone}"
