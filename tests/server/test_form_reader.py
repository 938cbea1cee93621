"""Forms read piece by piece: wherever they are cut, they say the same, and what is kept of them can be read again."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import ClientClosedError, NovaError
from nova_core.server.body import Body
from nova_core.server.form import FormReader
from nova_core.server.spool import Spool, Spooled
from nova_core.types.upload import File, InMemory
from nova_core.wire.multipart import FormBody, form_members, form_parts

# Line breaks and quotes are written as browsers do; what such writing begins with means itself nowhere.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="%\\\x00"), min_size=1, max_size=12)
CONTENT = st.binary(max_size=80) | st.sampled_from([b"\r\n", b"\r\n--", b"--nova-", b"\r\n--nova-x--\r\n", b"\r"])


async def gathered(body: Any) -> bytes:
    return b"".join([piece async for piece in body.chunks()])


async def received(pieces: list[bytes], content_type: str) -> list[tuple[str, Any]] | NovaError:
    """The fields of a form that arrives in these pieces, its files read; or the error it ends with."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        return await asyncio.Event().wait()

    body = Body(receive, {"transfer-encoding": "chunked"})
    async with FormReader(body, {"content-type": content_type}, limit=10_000_000, seconds=5) as form:
        try:
            await form.whole()
        except asyncio.CancelledError:
            return form.absorb() or ClientClosedError("")
        found: list[tuple[str, Any]] = []
        for name, value in form.fields:
            file = isinstance(value, File)
            found.append((name, (value.name, value.content_type, await gathered(value)) if file else value))
        return found


@given(
    fields=st.lists(st.tuples(NAMES, st.text(st.characters(codec="utf-8"), max_size=40)), max_size=4),
    files=st.lists(st.tuples(NAMES, NAMES, CONTENT), max_size=3),
    size=st.integers(1, 60),
)
@settings(max_examples=60, deadline=None)
def test_what_is_sent_as_a_form_is_received_wherever_it_is_cut(fields, files, size):
    async def check() -> None:
        parts = [*fields, *((name, File(called, "a/b", InMemory(content))) for name, called, content in files)]
        body = FormBody(parts)
        whole = await gathered(body)
        assert body.length == len(whole)
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        told = [*fields, *((name, (called, "a/b", content)) for name, called, content in files)]
        assert await received(pieces, body.content_type) == told

    asyncio.run(check())


async def test_a_form_cut_at_every_byte_is_the_same_and_one_cut_short_is_none():
    body = FormBody([("model", "whisper"), ("a[]", "1"), ("file", File("a.wav", "audio/wav", InMemory(b"\r\n--abc")))])
    whole = await gathered(body)
    told = [("model", "whisper"), ("a[]", "1"), ("file", ("a.wav", "audio/wav", b"\r\n--abc"))]
    for at in range(len(whole) + 1):
        assert await received([whole[:at], whole[at:]], body.content_type) == told
    for at in range(len(whole) - 2):  # the last line break may be missing
        assert isinstance(await received([whole[:at]], body.content_type), NovaError)


@given(garbage=st.binary(max_size=200), cut=st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_garbage_is_refused_or_read_and_never_hangs(garbage, cut):
    async def check() -> None:
        for lead in (b"", b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'):
            sent = lead + garbage
            said = await asyncio.wait_for(received([sent[:cut], sent[cut:]], "multipart/form-data; boundary=b"), 5)
            assert isinstance(said, list | NovaError)

    asyncio.run(check())


@given(
    pieces=st.lists(st.binary(max_size=50), max_size=20),
    kept=st.integers(1, 100),
    readers=st.integers(1, 3),
)
@settings(max_examples=40, deadline=None)
def test_a_spool_gives_every_reader_all_of_it_from_memory_or_from_its_file(pieces, kept, readers):
    async def check() -> None:
        spool = Spool(kept=kept)
        await spool.add(b"before")
        part = Spooled(spool)
        reading = [asyncio.create_task(gathered(part)) for _ in range(readers)]
        for piece in pieces:
            await spool.add(piece)
            await asyncio.sleep(0)
        part.end(spool.size)
        await spool.add(b"after")
        whole = b"".join(pieces)
        assert [await task for task in reading] == [whole] * readers
        assert part.length == len(whole)
        assert await gathered(part) == whole
        assert spool.in_file <= spool.size
        spool.close()

    asyncio.run(check())


def test_members_and_fields_say_the_same():
    file = File("a", "b/c", InMemory(b""))
    members = {"model": "m", "n": 2, "deep": {"a": [1]}, "list": ["x", "y"], "flag": True, "none": None}
    members["image"] = [file]
    parts = list(form_parts(members))
    assert parts == [
        ("model", "m"),
        ("n", "2"),
        ("deep", '{"a":[1]}'),
        ("list[]", "x"),
        ("list[]", "y"),
        ("flag", "true"),
        ("image[]", file),
    ]
    assert form_members(parts) == {
        "model": "m",
        "n": "2",
        "deep": '{"a":[1]}',
        "list": ["x", "y"],
        "flag": "true",
        "image": [file],
    }
