"""Exchanges that lead to others: polls that wait their turn, and one deadline for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from nova_core.errors import NovaError, RequestTimeoutError
from nova_core.gateway.exchange import perform
from nova_core.gateway.policy import Limits
from nova_core.gateway.transport import Transport
from nova_core.gateway.transport_default import default_transport
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import chat_request
from nova_core.types.call import Call
from nova_core.types.message import Reply
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.upstream_errors import error_from_response


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = default_transport()
    yield made
    await made.aclose()


def polls(url: str, left: int, wait: float) -> Exchange:
    """An exchange that leads to `left` others, each after `wait` seconds, and then to a reply."""

    def read(response: UpstreamResponse) -> Reply | Exchange:
        return polls(url, left - 1, wait) if left else Reply("chat", OPENAI_CHAT, {"choices": []})

    return Exchange(UpstreamRequest(url, "GET"), OPENAI_CHAT, read, error_from_response, wait=wait)


def limits(total: float | None) -> Limits:
    return Limits(connect=1.0, total=total, first_chunk=1.0, idle=1.0)


async def test_every_exchange_waits_before_it_begins(transport: Transport, upstream: ScriptedUpstream) -> None:
    call, began = Call(chat_request("g")), time.monotonic()
    reply = await perform(transport, call, polls(upstream.url, 2, 0.05), limits(None))
    assert isinstance(reply, Reply)
    times = [began, *(received.at for received in upstream.requests)]
    assert [after - before >= 0.05 for before, after in pairwise(times)] == [True] * 3
    assert time.monotonic() - began - call.upstream_seconds >= 0.15, "waiting is not the upstream's time"


async def test_a_wait_that_would_pass_the_deadline_is_not_begun(
    transport: Transport, upstream: ScriptedUpstream
) -> None:
    began = time.monotonic()
    with pytest.raises(RequestTimeoutError, match=r"no reply within 0\.9 seconds"):
        await perform(transport, Call(chat_request("g")), polls(upstream.url, 9, 0.5), limits(0.9))
    assert len(upstream.requests) == 1
    assert time.monotonic() - began < 0.9


async def test_exchanges_share_the_deadline_of_their_reply(transport: Transport, upstream: ScriptedUpstream) -> None:
    upstream.script("*", delay=0.4)
    began = time.monotonic()
    with pytest.raises(RequestTimeoutError, match=r"no reply within 1\.1 seconds"):
        await perform(transport, Call(chat_request("g")), polls(upstream.url, 9, 0.0), limits(1.1))
    assert 1.0 < time.monotonic() - began < 2.5
    assert len(upstream.requests) == 3


async def test_a_wait_ends_when_the_call_is_cancelled(transport: Transport, upstream: ScriptedUpstream) -> None:
    task = asyncio.create_task(perform(transport, Call(chat_request("g")), polls(upstream.url, 1, 30.0), limits(60.0)))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1.0)
    assert upstream.requests == []


@pytest.mark.parametrize("answer", [{"status": 503, "json": {"message": "out of order"}}, {"reset": True}])
async def test_what_follows_a_failure_is_answered_in_its_place_or_tells_it(
    transport: Transport, upstream: ScriptedUpstream, answer: dict[str, Any]
) -> None:
    upstream.script("/done", json={}).script("*", **answer)
    after = polls(f"{upstream.url}/done", 0, 0.0)
    reply = Reply("chat", OPENAI_CHAT, {"choices": []})
    failing = polls(upstream.url, 0, 0.0)
    for otherwise in (lambda error: reply, lambda error: after):
        asked = msgspec.structs.replace(failing, otherwise=otherwise)
        assert isinstance(await perform(transport, Call(chat_request("g")), asked, limits(5.0)), Reply)

    def tell(error: NovaError) -> Reply:
        raise error

    asked = msgspec.structs.replace(failing, otherwise=tell)
    with pytest.raises(NovaError) as told:
        await perform(transport, Call(chat_request("g")), asked, limits(5.0))
    assert told.value.retryable
