"""Heads that connections know again: for every request what parsing its head would have found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.server.known_head import KnownHead
from nova_core.server.serving import Edge, compile_edge
from nova_core.types.principal import ANONYMOUS
from tests.server.live import Live, live, runtime_from, until
from tests.server.test_direct import CONFIG, one, request, said
from tests.server.test_underway import plugin_of

NAMES = ("Host", "X-Request-ID", "traceparent", "Authorization", "x-nova-tags", "User-Agent", "Content-Length")
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=4).map(str.strip)


@pytest.fixture(scope="module")
def edge() -> Edge:
    return compile_edge(runtime_from(CONFIG))


def known(edge: Edge, data: bytes, length: int, last: KnownHead | None = None, **headers: str) -> KnownHead:
    head = KnownHead(edge, None, "/", headers, ANONYMOUS, True)  # type: ignore[arg-type]
    head.learn(data, length, last)
    return head


def test_a_head_is_known_by_every_byte_but_the_length(edge: Edge) -> None:
    first = request("hello")
    head = known(edge, first, len(first.partition(b"\r\n\r\n")[2]))
    other = request("quite another text")
    assert head.body_of(other) == other.partition(b"\r\n\r\n")[2]
    for changed in (other + b"G", other[:-1], other.replace(b"host: x", b"host: y"), other.replace(b"first", b"third")):
        assert head.body_of(changed) is None


def test_two_requests_at_once_teach_no_head(edge: Edge) -> None:
    two = request("hello") + request("hello")
    head = known(edge, two, len(request("hello").partition(b"\r\n\r\n")[2]))
    assert head.body_of(request("hello")) is None


def traced(trace: str, body: bytes = b"{}", more: str = "") -> bytes:
    return f"POST /v1 HTTP/1.1\r\nTraceparent: {trace}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def test_what_has_differed_once_may_differ_again(edge: Edge) -> None:
    first = known(edge, traced("00-1"), 2, traceparent="00-1")
    assert first.body_of(traced("00-2")) is None
    second = known(edge, traced("00-2"), 2, first, traceparent="00-2")
    assert second.body_of(traced("00-345", b"[1, 2]")) == b"[1, 2]"
    assert second.heading.public == {"traceparent": "00-345"}
    for strange in ("\x80", "a\x00b", " 1", "1\t", "1\r\nx: y", "1" * 600):
        assert second.body_of(traced(strange)) is None
    for length in (b"+2", b"2 ", b"", b"3", b"\xb2"):
        assert second.body_of(traced("00-4").replace(b"h: 2", b"h: " + length)) is None
    assert second.body_of(traced("00-5", more="x: y\r\n")) is None
    assert second.heading.public == {"traceparent": "00-345"}


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "Host", "x-nova-tags", "x-litellm-timeout", "Origin"])
def test_what_decides_about_a_call_never_just_differs(edge: Edge, name: str) -> None:
    first = known(edge, traced("00-1", more=f"{name}: one\r\n"), 2)
    second = known(edge, traced("00-2", more=f"{name}: two\r\n"), 2, first)
    assert second.body_of(traced("00-2", more=f"{name}: three\r\n")) is None
    assert second.body_of(traced("00-3", more=f"{name}: two\r\n")) is None
    third = known(edge, traced("00-3", more=f"{name}: two\r\n"), 2, second)
    assert third.body_of(traced("00-4", more=f"{name}: two\r\n")) == b"{}"
    assert third.body_of(traced("00-4", more=f"{name}: three\r\n")) is None


@given(st.lists(st.tuples(st.lists(VALUES, min_size=6, max_size=6), st.binary(max_size=12)), min_size=2, max_size=9))
def test_a_known_head_says_what_its_bytes_say(requests: list[tuple[list[str], bytes]]) -> None:
    edge = compile_edge(runtime_from(CONFIG))
    last: KnownHead | None = None
    for values, body in requests:
        lines = [f"{name}: {value}" for name, value in zip(NAMES, [*values, str(len(body))], strict=True)]
        data = "\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode() + body
        sent = {name.lower(): value for name, value in zip(NAMES, values, strict=False)}
        found = None if last is None else last.body_of(data)
        if found is None or last is None:
            last = known(edge, data, len(body), last, **sent)
        else:
            assert found == body
            assert last.heading.public == {name: sent[name] for name in sent if name != "authorization"}
            assert last.heading.own == {"x-nova-tags": sent["x-nova-tags"]}


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
async def watched(request: pytest.FixtureRequest) -> AsyncIterator[Live]:
    general: dict[str, Any] = {**CONFIG["general_settings"], "direct_calls": request.param}
    callbacks = {"callbacks": ["tests.server.watching.watching"]}
    async with live({**CONFIG, "general_settings": general, "nova_settings": callbacks}) as gateway:
        yield gateway


async def test_each_call_on_a_connection_has_its_own_headers(watched: Live) -> None:
    reader, writer = await watched.connect()
    ids = [f"trace-{number}-{'x' * number}" for number in range(6)]
    for place, trace in enumerate(ids):
        body = request("hi" * place + "!").replace(b"host: x\r\n", f"host: x\r\ntraceparent: {trace}\r\n".encode())
        writer.write(body)
        status, _, answer = await one(reader)
        assert (status, said(answer)) == (200, "hi" * place + "!")
    records = plugin_of(watched).records
    await until(lambda: len(records) == len(ids))
    assert [record.call.headers["traceparent"] for record in records] == ids
    assert not any("authorization" in record.call.headers for record in records)
    writer.close()
