"""What is asked and answered in each column of the matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tests.matrix.said import Answer, Asked, Called, Function, Json, Picture, Returned, Said, Thought, Words

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "A city."}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
WEATHER: Final = Function(
    "get_weather", "The weather of a city.", {"type": "object", "properties": {"city": {"type": "string"}}}
)
CLOCK: Final = Function("get_time", "The time.", {"type": "object", "properties": {"zone": {"type": "string"}}})
GREETING: Final = Words("Grüße aus Oslo 🌊")
TALK: Final[tuple[Said, ...]] = (
    ("user", Words("Hi")),
    ("assistant", Words("Hello.")),
    ("user", Words("Where are you?")),
)
HI: Final[tuple[Said, ...]] = (("user", Words("What is it like in Oslo?")),)
OSLO: Final = Called(1, "get_weather", {"city": 'Oslo "N"'})
ZONE: Final = Called(2, "get_time", {"zone": "CET"})
COLD: Final = Returned(1, "minus seven degrees")
LATE: Final = Returned(2, "a quarter past nine")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A column. `returned` are the results that are handed back, with the answer, in a second request."""

    asked: Asked
    answer: Answer
    streams: tuple[bool, ...] = (False, True)
    returned: tuple[Returned, ...] = ()
    fails: bool = False


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "plain": Scenario(
        Asked(TALK, "Be brief.", max_tokens=100, temperature=0.5, stop=("END",)), Answer((GREETING,)), (False,)
    ),
    "stream": Scenario(
        Asked(TALK, "Be brief.", max_tokens=100, temperature=0.5, stop=("END",)), Answer((GREETING,)), (True,)
    ),
    "tools": Scenario(
        Asked(HI, tools=(WEATHER,)), Answer((Words("Let me look."), OSLO), "tool_calls"), returned=(COLD,)
    ),
    "parallel tools": Scenario(
        Asked(HI, tools=(WEATHER, CLOCK)), Answer((OSLO, ZONE), "tool_calls"), returned=(COLD, LATE)
    ),
    "image": Scenario(Asked((("user", Words("What is this?")), ("user", Picture(PIXEL)))), Answer((GREETING,))),
    "structured": Scenario(Asked(HI, schema=SCHEMA), Answer((Words('{"city":"Oslo","degrees":-7}'),))),
    "reasoning": Scenario(
        Asked(HI, tools=(WEATHER,), effort="high"),
        Answer((Thought("Let me think.", "c2lnbmVkQnlUaGVNYWtlcjEy"), OSLO), "tool_calls", (11, 17), 10),
        returned=(COLD,),
    ),
    "error": Scenario(Asked(HI), Answer((GREETING,)), fails=True),
}


def continued(scenario: Scenario) -> Asked:
    """The second request of a conversation: all that was said, and the results."""
    asked = scenario.asked
    said = tuple(("assistant", part) for part in scenario.answer.parts)
    return replace(asked, turns=(*asked.turns, *said, *(("tool", result) for result in scenario.returned)))
