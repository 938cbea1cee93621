"""What a call has touched is freed when it is over, without waiting for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from nova_core.testing import ScriptedUpstream
from nova_core.types.call import Call
from tests.server.bad_input import CHAT, GOOD, GOOD_STREAM
from tests.server.live import Live, live, model, until


@pytest.fixture
async def served(upstream: ScriptedUpstream) -> AsyncIterator[Live]:
    models = [model(name, upstream.url) for name in ("gpt", "failing", "spare")]
    settings = {"num_retries": 1, "fallbacks": [{"failing": ["spare"]}], "disable_cooldowns": True}
    async with live({"model_list": models, "router_settings": settings}) as found:
        yield found


@pytest.fixture(autouse=True)
def no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def calls_in_memory() -> int:
    return sum(isinstance(each, Call) for each in gc.get_objects())


async def ask(url: str, path: str, body: bytes) -> int:
    async with httpx.AsyncClient(base_url=url) as http:
        return (await http.post(path, content=body)).status_code


def named(name: str) -> bytes:
    return GOOD.replace(b'"gpt"', b'"%b"' % name.encode())


# A request that expects to be told to go on takes the way of the application; others the connection serves itself.
@pytest.mark.parametrize("headers", [b"", b"expect: 100-continue\r\n"], ids=["direct", "asgi"])
@pytest.mark.parametrize("body", [GOOD, GOOD_STREAM], ids=["plain", "streamed"])
async def test_a_call_whose_caller_left_is_freed(
    headers: bytes, body: bytes, served: Live, upstream: ScriptedUpstream
) -> None:
    upstream.script("gpt", delay=20.0)
    before = calls_in_memory()
    for number in range(3):
        _, writer = await served.connect()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n" % (headers, len(body))
        writer.write(head + body)
        await upstream.until(lambda it, sent=number + 1: len(it.requests) == sent)
        writer.transport.abort()
    await until(lambda: not served.gateway.in_flight)
    await until(lambda: calls_in_memory() <= before)
    assert calls_in_memory() <= before


@pytest.mark.parametrize("body", [named("failing"), named("nobody"), b"{"], ids=["helped", "unknown", "unreadable"])
async def test_a_call_that_failed_somewhere_is_freed(body: bytes, served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("failing", status=500, message="broken")
    upstream.script("spare", text="here")
    before = calls_in_memory()
    statuses = {await ask(served.url, CHAT, body) for _ in range(3)}
    assert statuses <= {200, 400, 404}
    await until(lambda: calls_in_memory() <= before)
    assert calls_in_memory() <= before


async def test_a_call_that_failed_for_good_is_freed(served: Live, upstream: ScriptedUpstream) -> None:
    upstream.script("gpt", status=500, message="broken")
    before = calls_in_memory()
    assert {await ask(served.url, CHAT, GOOD) for _ in range(3)} == {500}
    await until(lambda: calls_in_memory() <= before)
    assert calls_in_memory() <= before
