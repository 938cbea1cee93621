"""Forms are received while they come: fields, files that are sent on at once, and all that can be wrong with them."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import pytest

from nova_core.testing import ScriptedUpstream
from tests.server.live import live, model

BOUNDARY = "a-boundary"
TYPE = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
TRANSCRIBE = "/v1/audio/transcriptions"
MIB = 1024 * 1024


def part(name: str, content: bytes, filename: str | None = None, kind: str | None = None) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename is not None else ""
    head += f"\r\nContent-Type: {kind}" if kind is not None else ""
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def speech(content: bytes = b"RIFF....WAVE") -> bytes:
    return part("file", content, "talk.wav", "audio/wav")


@pytest.fixture
def config(upstream: ScriptedUpstream) -> dict[str, Any]:
    return {
        "model_list": [model("whisper", upstream.url), model("second", upstream.url)],
        "router_settings": {"num_retries": 1, "retry_after": 0, "fallbacks": [{"whisper": ["second"]}]},
        "general_settings": {"limits": {"body_mb": 8, "body_read_seconds": 5}},
    }


async def test_a_file_and_its_fields_reach_the_upstream_under_its_own_name_of_the_model(upstream, config):
    config["model_list"][0]["litellm_params"]["model"] = "openai/whisper-1"
    audio = bytes(range(256)) * 5
    sent = form(
        part("model", b"whisper"),
        part("timestamp_granularities[]", b"word"),
        part("timestamp_granularities[]", b"segment"),
        part("language", "é".encode()),
        part("num_retries", b"0"),
        part("metadata", b'{"tags": ["a"]}'),
        speech(audio),
    )
    upstream.script("whisper-1", "hello there")
    async with live(config) as served, served.http() as http:
        answer = await http.post(TRANSCRIBE, content=sent, headers=TYPE)
    assert answer.status_code == 200
    assert answer.json()["text"] == "hello there"
    parts = upstream.last.form
    assert [(each.name, each.text) for each in parts if each.filename is None] == [
        ("model", "whisper-1"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("language", "é"),
    ]
    assert (parts[-1].name, parts[-1].filename, parts[-1].content_type) == ("file", "talk.wav", "audio/wav")
    assert parts[-1].content == audio
    assert upstream.last.header("authorization") == "Bearer upstream-key"


async def test_parts_in_any_order_and_any_pieces_are_the_same_form(upstream, config):
    parts = [part("model", b"whisper"), speech(b"--a-boundar\r\n--a-boundarx" * 3), part("prompt", b"p\r\n")]
    async with live(config) as served, served.http() as http:
        for order in ((0, 1, 2), (1, 0, 2), (2, 1, 0)):
            whole = form(*(parts[place] for place in order))

            async def pieces(body: bytes = whole):
                for start in range(0, len(body), 7):
                    yield body[start : start + 7]

            assert (await http.post(TRANSCRIBE, content=pieces(), headers=TYPE)).status_code == 200
            assert {each.name: each.content for each in upstream.last.form} == {
                "model": b"whisper",
                "prompt": b"p\r\n",
                "file": b"--a-boundar\r\n--a-boundarx" * 3,
            }


async def test_a_long_file_is_on_its_way_before_all_of_it_has_come(config):
    arrived = asyncio.Event()
    seen = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not seen.endswith(b"0\r\n\r\n"):
            seen.extend(await reader.read(65536))
            arrived.set()
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"text":"ok"}')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    config["model_list"] = [model("whisper", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")]
    first = form(part("model", b"whisper"), part("file", bytes(2 * MIB) + b"#", "a.wav"))
    head, tail = first.split(b"#")

    async def pieces():
        yield head
        await asyncio.wait_for(arrived.wait(), 2)
        yield b"#" + tail

    async with server, live(config) as served, served.http() as http:
        answer = await http.post(TRANSCRIBE, content=pieces(), headers=TYPE)
    assert answer.json() == {"text": "ok"}
    assert b"transfer-encoding: chunked" in seen


async def test_fields_after_a_long_file_begin_the_call_again_with_them(upstream, config):
    upstream.script("whisper", "bonjour")
    late = form(part("model", b"whisper"), part("file", bytes(3 * MIB), "a.wav"), part("language", b"fr"))
    async with live(config) as served, served.http() as http:

        async def pieces():
            for start in range(0, len(late), 256 * 1024):
                yield late[start : start + 256 * 1024]
                await asyncio.sleep(0.01)

        answer = await http.post(TRANSCRIBE, content=pieces(), headers=TYPE)
    assert answer.json()["text"] == "bonjour"
    assert upstream.asked == ["whisper"]
    fields = {each.name: len(each.content) for each in upstream.last.form}
    assert fields == {"model": 7, "language": 2, "file": 3 * MIB}


@pytest.mark.parametrize("size", [1000, 3 * MIB], ids=["small", "spooled"])
async def test_a_file_is_sent_again_to_retries_and_fallbacks(upstream, config, size):
    content = bytes(range(250)) * (size // 250)
    upstream.script("whisper", status=503).script("whisper", status=500).script("second", "at last")
    sent = form(part("model", b"whisper"), speech(content))
    async with live(config) as served, served.http() as http:
        answer = await http.post(TRANSCRIBE, content=sent, headers=TYPE)
    assert (answer.status_code, answer.json()["text"]) == (200, "at last")
    assert upstream.asked == ["whisper", "whisper", "second"]
    assert all(received.form[-1].content == content for received in upstream.requests)


async def test_a_transcript_is_streamed_and_other_formats_pass_as_they_are(upstream, config):
    upstream.script("whisper", stream=["hel", "lo"]).script(
        "whisper", body=b"1\n00:00", headers={"content-type": "x/y"}
    )
    async with live(config) as served, served.http() as http:
        sent = form(part("model", b"whisper"), part("stream", b"true"), speech())
        streamed = await http.post(TRANSCRIBE, content=sent, headers=TYPE)
        sent = form(part("model", b"whisper"), part("response_format", b"srt"), speech())
        subtitles = await http.post(TRANSCRIBE, content=sent, headers=TYPE)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.text.count('"delta":') == 2
    assert '"text":"hello"' in streamed.text
    assert upstream.requests[0].members["stream"] == "true"
    assert (subtitles.headers["content-type"], subtitles.content) == ("x/y", b"1\n00:00")


def broken(body: bytes = b"", status: int = 400, says: str = "", headers: dict[str, str] | None = None, id: str = ""):
    return pytest.param(body, TYPE if headers is None else headers, status, says, id=id)


MODEL = part("model", b"whisper")


@pytest.mark.parametrize(
    ("body", "headers", "status", "says"),
    [
        broken(b'{"model": "whisper"}', 400, "multipart/form-data", {"content-type": "application/json"}, id="json"),
        broken(b"x", 400, "multipart/form-data", {}, id="no type"),
        broken(b"x", 400, "boundary", {"content-type": "multipart/form-data"}, id="no boundary"),
        broken(b"", 400, "not a valid form", id="empty"),
        broken(form(), 400, "`model`", id="no parts"),
        broken(b"hello", 400, "not a valid form", id="garbage"),
        broken(form(MODEL, speech())[:-8], 400, "not a valid form", id="cut short"),
        broken(form(speech()), 400, "`model`", id="no model"),
        broken(form(MODEL), 400, "`file` is required", id="no file"),
        broken(form(MODEL, part("file", b"abc")), 400, "`file` must be one file", id="file without a name"),
        broken(form(MODEL, speech(), speech()), 400, "`file` must be one file", id="two files"),
        broken(form(MODEL, MODEL, speech()), 400, "more than once", id="two models"),
        broken(form(MODEL, part("prompt", b"\xff"), speech()), 400, "UTF-8", id="no text"),
        broken(form(MODEL, part("temperature", b"hot"), speech()), 400, "`temperature`", id="no number"),
        broken(form(MODEL, part("stream", b"maybe"), speech()), 400, "`stream`", id="no flag"),
        broken(form(MODEL, part("metadata", b"{"), speech()), 400, "`metadata`", id="control that is no JSON"),
        broken(form(MODEL, part("api_base", b"http://x"), speech()), 400, "`api_base`", id="not the caller's to set"),
        broken(form(*[part("x", b"1")] * 300), 413, "limit", id="too many parts"),
        broken(form(part("prompt", bytes(2 * MIB))), 413, "`prompt`", id="field too long"),
        broken(form(MODEL, speech(bytes(9 * MIB))), 413, "8 MiB", id="too large"),
        broken(form(part("model", b"nobody"), speech()), 404, "nobody", id="unknown model"),
    ],
)
async def test_what_is_wrong_with_a_form_is_told(upstream, config, body, headers, status, says):
    async with live(config) as served, served.http() as http:
        answer = await http.post(TRANSCRIBE, content=body, headers=headers)
    assert (answer.status_code, upstream.requests) == (status, [])
    error = answer.json()["error"]
    assert says in error["message"]
    assert error["type"] == ("invalid_request_error" if status != 500 else "")


async def test_a_caller_who_leaves_in_the_middle_ends_the_call_and_the_request_to_the_upstream(upstream, config):
    async with live(config) as served:
        reader, writer = await served.connect()
        sent = form(part("model", b"whisper"), part("file", bytes(4 * MIB), "a.wav"))
        head = f"POST {TRANSCRIBE} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(sent)}\r\n"
        writer.write(f"{head}content-type: {TYPE['content-type']}\r\n\r\n".encode() + sent[: 2 * MIB])
        await upstream.until(lambda up: up.open_connections == 1)
        writer.close()
        await upstream.until(lambda up: up.open_connections == 0)
        assert served.gateway.in_flight == 0
    assert upstream.requests == []
    del reader


async def test_a_caller_who_is_too_slow_is_told(upstream, config):
    config["general_settings"]["limits"]["body_read_seconds"] = 0.3
    async with live(config) as served, served.http() as http:

        async def pieces():
            yield form(part("model", b"whisper"), part("file", bytes(2 * MIB), "a.wav"))[: -MIB // 2]
            await asyncio.sleep(1)

        answer = await http.post(TRANSCRIBE, content=pieces(), headers=TYPE)
    assert answer.status_code == 408
    assert upstream.requests == []


async def test_an_early_refusal_of_the_upstream_reaches_a_caller_who_is_still_sending(config):
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"error": {"message": "25 MB at most", "code": "too_big"}}'
        writer.write(
            b"HTTP/1.1 413 No\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    config["model_list"] = [model("whisper", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")]
    async with server, live(config) as served, served.http() as http:
        sent = form(part("model", b"whisper"), part("file", bytes(7 * MIB), "a.wav"))
        answer = await http.post(TRANSCRIBE, content=sent, headers=TYPE)
    assert answer.status_code == 413
    assert "25 MB at most" in answer.json()["error"]["message"]


class Swallower:
    """An upstream that counts what it is sent; it begins to read when it is told to."""

    def __init__(self) -> None:
        self.size = 0
        self.awake = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await self.awake.wait()
        tail = b""
        while not tail.endswith(b"0\r\n\r\n"):
            data = await reader.read(65536)
            self.size += len(data)
            tail = (tail + data)[-5:]
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"text":"ok"}')
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("slow", [False, True], ids=["reading", "behind"])
async def test_a_large_upload_takes_little_memory_however_slow_the_upstream_is(config, slow):
    size, swallower = 32 * MIB, Swallower()
    server = await asyncio.start_server(swallower, "127.0.0.1", 0)
    config["model_list"] = [model("whisper", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")]
    config["general_settings"]["limits"]["body_mb"] = 64
    head, tail = form(part("model", b"whisper"), part("file", b"#", "a.wav")).split(b"#")
    piece = bytes(64 * 1024)
    if not slow:
        swallower.awake.set()

    async def pieces():
        yield head
        for _ in range(size // len(piece)):
            yield piece
        swallower.awake.set()
        yield tail

    async with server, live(config) as served, served.http() as http:
        await http.post("/v1/audio/none", content=b"x")  # what is loaded once does not count
        tracemalloc.start()
        try:
            answer = await http.post(TRANSCRIBE, content=pieces(), headers=TYPE)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer.json() == {"text": "ok"}
    assert swallower.size > size
    assert peak < 6 * MIB, f"{peak / MIB:.1f} MiB"


async def test_plugins_that_look_at_requests_look_at_forms_too(upstream, config):
    config["router_settings"]["enable_pre_call_checks"] = True
    config["nova_settings"] = {"cache": True}
    config["model_list"][0]["model_info"] |= {"max_input_tokens": 10}
    upstream.script("whisper", "one").script("whisper", "two")
    sent = form(part("model", b"whisper"), part("response_format", b"json"), speech(bytes(100_000)))
    async with live(config) as served, served.http() as http:
        said = [(await http.post(TRANSCRIBE, content=sent, headers=TYPE)).json()["text"] for _ in range(2)]
    assert said == ["one", "two"], "an answer to a file is not cached"


@pytest.mark.parametrize("size", [1000, 2 * MIB], ids=["small", "long"])
async def test_the_model_may_stand_in_the_path_and_be_an_alias(upstream, config, size):
    config["router_settings"]["model_group_alias"] = {"hear": "whisper"}
    sent = form(speech(bytes(size)))
    async with live(config) as served, served.http() as http:
        answer = await http.post("/openai/deployments/hear/audio/transcriptions", content=sent, headers=TYPE)
    assert answer.status_code == 200
    assert (upstream.asked, len(upstream.last.form[-1].content)) == (["whisper"], size)
