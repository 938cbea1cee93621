"""The access log and the log's forms: everything an operator looks for, nothing secret."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from nova_core.server.access_log import FIELDS
from nova_core.server.logs import JsonLines, LineWriter, TextLines
from nova_core.testing import ScriptedUpstream
from tests.server.bad_input import CHAT
from tests.server.live import HELLO, Live, until

SECRET = "a-very-private-prompt"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="nova.access")

    def read() -> list[dict[str, Any]]:
        return [getattr(record, FIELDS) for record in caplog.records if record.name == "nova.access"]

    return read


async def test_a_call_is_one_line_that_says_what_happened(served: Live, upstream: ScriptedUpstream, lines) -> None:
    upstream.script("gpt", "hi", usage=(7, 2))
    async with served.http(headers={"x-nova-call-id": "c-1"}) as http:
        await http.post(CHAT, json={"model": "gpt", "messages": [{"role": "user", "content": SECRET}]})
    (line,) = lines()
    assert line["ms"] >= line["upstream_ms"] > 0
    told = {name: line[name] for name in ("call_id", "method", "path", "status", "model", "deployment", "principal")}
    assert told == {
        "call_id": "c-1", "method": "POST", "path": CHAT, "status": 200, "model": "gpt", "deployment": "id-gpt",
        "principal": "anonymous",
    }  # fmt: skip
    assert (line["input_tokens"], line["output_tokens"]) == (7, 2)
    assert SECRET not in str(line)


async def test_a_callers_long_words_do_not_make_long_lines(served: Live, lines) -> None:
    async with served.http() as http:
        await http.post(CHAT, json={"model": "m" * 20_000, "messages": HELLO})
    (line,) = lines()
    assert (line["status"], line["model"]) == (404, "m" * 256)


async def test_a_refused_request_is_a_line_too_and_shows_no_key(guarded: Live, lines) -> None:
    async with guarded.http(headers={"authorization": "Bearer sk-guessed-key"}) as http:
        await http.post(CHAT, json={"model": "gpt", "messages": HELLO})
    (line,) = lines()
    assert (line["status"], line["path"], line["error"]) == (401, CHAT, "401")
    assert "guessed" not in str(line)


async def test_a_stream_is_written_down_when_it_has_ended(served: Live, upstream: ScriptedUpstream, lines) -> None:
    upstream.script("gpt", stream=["hello", " there"], gap=0.1, usage=(3, 1))
    async with served.openai() as client:
        stream = await client.chat.completions.create(
            model="gpt", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        assert lines() == []
        async for _ in stream:
            pass
        await until(lines)
    (line,) = lines()
    assert (line["stream"], line["status"], line["output_tokens"]) == (True, 200, 1)


def record(message: str, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("nova.access", logging.INFO, "", 0, message, (), None)
    setattr(made, FIELDS, fields)
    return made


def test_json_lines_are_json() -> None:
    line = json.loads(JsonLines().format(record("call", status=200, dropped=["user"])))
    assert (line["message"], line["level"], line["status"], line["dropped"]) == ("call", "info", 200, ["user"])


def test_text_lines_cannot_be_forged_by_a_line_break() -> None:
    line = TextLines().format(record("call", model="gpt\n2026-01-01 INFO nova.access call status=200", path="/a b"))
    assert "\n" not in line
    assert 'path="/a b"' in line


def test_lines_reach_the_stream_and_too_many_are_counted_not_kept() -> None:
    stream = io.StringIO()
    writer = LineWriter(stream)
    writer.setFormatter(TextLines())
    for number in range(10):
        writer.emit(record(f"line {number}"))
    writer.close()
    assert [line.split()[-2:] for line in stream.getvalue().splitlines()] == [["line", str(n)] for n in range(10)]
