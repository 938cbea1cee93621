"""Counting and compacting in the Responses API: what is sent, what is no answer, and what comes back the same."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.dialect import Dialect
from nova_core.types.message import Reply, Request
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.openai_responses import OPENAI_COMPACTION, OPENAI_INPUT_TOKENS
from nova_core.wire.translate import translate_reply, translate_request

BOTH = pytest.mark.parametrize(
    "dialect", [OPENAI_INPUT_TOKENS, OPENAI_COMPACTION], ids=lambda dialect: str(dialect.name)
)
USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 12,
}
COMPACTED: dict[str, Any] = {
    "id": "resp_1",
    "object": "response.compaction",
    "created_at": 7,
    "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "secret"}],
    "usage": USAGE,
}


@BOTH
def test_neither_is_streamed_nor_asked_for_without_a_conversation(dialect: Dialect) -> None:
    for members, param in (({"input": "a", "stream": True}, "stream"), ({}, "input")):
        with pytest.raises(BadRequestError) as caught:
            dialect.check_request({"model": "m", **members})
        assert caught.value.param == param


@BOTH
def test_only_defaults_that_it_knows_are_added(dialect: Dialect) -> None:
    defaults = {"temperature": 0, "max_tokens": 9, "instructions": "Be brief."}
    added = dialect.with_defaults({"model": "m", "input": "a"}, defaults)
    assert added == {"model": "m", "input": "a", "instructions": "Be brief."}


@pytest.mark.parametrize("members", [{}, {"input_tokens": True}, {"input_tokens": -1}, {"input_tokens": "9"}])
def test_what_states_no_count_is_no_count(members: dict[str, Any]) -> None:
    with pytest.raises(BadGatewayError, match="input_tokens"):
        OPENAI_INPUT_TOKENS.check_reply(members)


@pytest.mark.parametrize(
    "changes", [{"object": "response"}, {"output": None}, {"output": {}}, {"error": {"message": "no"}}]
)
def test_what_is_no_compacted_conversation_is_refused(changes: dict[str, Any]) -> None:
    OPENAI_COMPACTION.check_reply(COMPACTED)
    with pytest.raises(NovaError) as caught:
        OPENAI_COMPACTION.check_reply({**COMPACTED, **changes})
    assert caught.value.status >= 500


def test_a_compacted_conversation_comes_back_the_same_and_is_paid_for() -> None:
    reply = Reply("compaction", OPENAI_COMPACTION, COMPACTED)
    assert reply.with_typed(reply.typed).members == COMPACTED
    assert reply.usage is not None
    assert (reply.usage.cache_read, reply.usage.total) == (4, 12)


def test_a_count_is_asked_for_and_told_in_other_words() -> None:
    asked = {"model": "m", "input": "Hi", "instructions": "Be brief.", "truncation": "auto", "reasoning": {}}
    upstream, fidelity = translate_request(Request("count_tokens", OPENAI_INPUT_TOKENS, asked), ANTHROPIC_COUNT_TOKENS)
    assert not fidelity.lost
    assert upstream.get("system") == "Be brief." or upstream.get("system")[0]["text"] == "Be brief."
    assert "max_tokens" not in upstream.members
    told = translate_reply(Reply("count_tokens", ANTHROPIC_COUNT_TOKENS, {"input_tokens": 5}), OPENAI_INPUT_TOKENS)
    assert told.members == {"object": "response.input_tokens", "input_tokens": 5}
    back, _ = translate_request(upstream, OPENAI_INPUT_TOKENS)
    assert back.members.keys() <= {"model", "input", "instructions"}
