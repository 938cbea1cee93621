"""Errands: work on this machine that an exchange waits for, beside requests that go out."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from nova_core.errors import AuthenticationError, RequestTimeoutError
from nova_core.gateway.exchange import perform
from nova_core.gateway.policy import Limits
from nova_core.gateway.transport_default import default_transport
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import chat_request
from nova_core.types.call import Call
from nova_core.types.message import Reply
from nova_core.types.upstream import Errand, Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.errands import identity_token, reading
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.steps import Ending, Steps, follow
from nova_core.wire.upstream_errors import error_from_response

LIMITS = Limits(connect=1.0, total=1.0, first_chunk=1.0, idle=1.0)


def answered(told: list[str]) -> Exchange:
    """The exchange that ends the steps: an errand whose body is not looked at."""

    def read(response: UpstreamResponse) -> Reply:
        return Reply("chat", OPENAI_CHAT, {"told": told})

    return Exchange(Errand("end", run=lambda: b""), OPENAI_CHAT, read, error_from_response)


async def carried_out(steps: Steps[list[str]], limits: Limits = LIMITS) -> list[str]:
    transport = default_transport()
    try:
        exchange = follow(steps, Ending(OPENAI_CHAT, error_from_response, answered))
        reply = await perform(transport, Call(chat_request("m")), exchange, limits)
    finally:
        await transport.aclose()
    assert isinstance(reply, Reply)
    told: list[str] = reply.get("told")
    return told


async def test_errands_and_requests_follow_one_another_off_the_loop(upstream: ScriptedUpstream) -> None:
    upstream.script("/token", body=b"from afar")
    threads: list[int] = []

    def work() -> bytes:
        threads.append(threading.get_ident())
        time.sleep(0.1)
        return b"from here"

    def steps() -> Steps[list[str]]:
        here = yield Errand("work", run=work)
        afar = yield UpstreamRequest(f"{upstream.url}/token", "GET")
        return [here.body.decode(), afar.body.decode()]

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    assert await carried_out(steps()) == ["from here", "from afar"]
    ticking.cancel()
    assert threads != [threading.get_ident()]
    assert ticks > 3


async def test_steps_without_a_request_end_at_once() -> None:
    def steps() -> Steps[list[str]]:
        yield from ()
        return ["known"]

    assert await carried_out(steps()) == ["known"]


async def test_an_errand_has_the_deadline_of_the_reply() -> None:
    def steps() -> Steps[list[str]]:
        response = yield Errand("slow", run=lambda: time.sleep(1.0) or b"")
        return [response.body.decode()]

    began = time.monotonic()
    with pytest.raises(RequestTimeoutError, match="credentials"):
        await carried_out(steps(), Limits(connect=1.0, total=0.1, first_chunk=1.0, idle=1.0))
    assert time.monotonic() - began < 0.95


async def test_a_file_that_is_missing_is_the_errands_error(tmp_path) -> None:
    def steps() -> Steps[list[str]]:
        response = yield reading(str(tmp_path / "nothing"))
        return [response.body.decode()]

    with pytest.raises(AuthenticationError, match="cannot be read"):
        await carried_out(steps())
    assert "nothing" in repr(reading(str(tmp_path / "nothing")))


async def test_a_token_is_read_anew_each_time(tmp_path) -> None:
    (tmp_path / "token").write_text("first\n")
    token = identity_token("oidc/env_path/PLACE", {"PLACE": str(tmp_path / "token")})

    def steps() -> Steps[list[str]]:
        said = yield from token.steps()
        return [said]

    assert await carried_out(steps()) == ["first"]
    (tmp_path / "token").write_text("second\n")
    assert await carried_out(steps()) == ["second"]
    assert "a-secret" not in repr(identity_token("a-secret", {}))
