"""What an answer says beside its text: why it ended, what was thought, and which tokens came from a cache."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from nova_core.testing.conformance import PUBLIC_NAME
from nova_core.testing.played_upstream import PlayedUpstream
from nova_core.testing.provider_bench import chat_request
from nova_core.testing.upstream_script import Script, render
from nova_core.types.chat import ChatReply, Thinking

ANSWER: dict[str, Any] = {"text": "It is cold.", "usage": (11, 7)}
THOUGHT = "Snow lies on the roofs."


class FactsConformance(PlayedUpstream):
    """What the vendor says is told, plain and streamed. What its format has no words for is not asked: a shape that
    plays `Said.finish`, `.cached` and `.thought` has them.
    """

    async def test_an_answer_that_was_cut_is_told_as_such(self) -> None:
        async for reply in self._told(finish="length"):
            assert reply.choices[0].finish == "length"
            assert reply.text == ANSWER["text"]

    async def test_an_answer_that_was_stopped_by_a_filter_is_told_as_such(self) -> None:
        async for reply in self._told(finish="content_filter"):
            assert reply.choices[0].finish in ("content_filter", "refusal")

    async def test_thoughts_are_told_apart_from_the_text(self) -> None:
        async for reply in self._told(thought=THOUGHT):
            thoughts = [part.text for part in reply.choices[0].message.parts if isinstance(part, Thinking)]
            assert "".join(thoughts) == THOUGHT
            assert reply.text == ANSWER["text"]

    async def test_tokens_from_a_cache_are_counted_as_such(self) -> None:
        async for reply in self._told(cached=4):
            assert reply.usage is not None
            assert (reply.usage.input_total, reply.usage.cache_read, reply.usage.output_total) == (11, 4, 7)

    async def _told(self, **fact: Any) -> AsyncIterator[ChatReply]:
        """The plain reply that states a fact, and the streamed one."""
        self.needs("chat")
        answer: dict[str, Any] = {"usage_unasked": self.usage_unasked, "shapes": self.shapes, **ANSWER}
        self.now(**ANSWER, **fact)
        async with self.bench() as bench:
            for stream in (False, True) if self.streams else (False,):
                reply = await bench.chat(chat_request(PUBLIC_NAME, stream=stream))
                bodies = {render(Script(**answer, **more), self.upstream.last).pieces for more in ({}, fact)}
                if len(bodies) == 1:
                    pytest.skip(f"the upstream of {self.provider}, as it is played, does not say so")
                yield reply
