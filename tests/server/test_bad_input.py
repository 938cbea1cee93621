"""Whatever is sent, and whatever an upstream does, the caller gets the documented status and body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.testing import ScriptedUpstream
from tests.server.bad_input import CHAT, GOOD, MESSAGES, ROWS, BadInput, as_markdown
from tests.server.conftest import MASTER
from tests.server.live import Live


@pytest.fixture(params=["direct", "asgi"])
def config(config: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    """Served by the connection itself, and through ASGI."""
    config["general_settings"]["direct_calls"] = request.param == "direct"
    return config


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.title} on {row.path}" for row in ROWS])
async def test_bad_input_gets_its_status_and_body(row: BadInput, guarded: Live, upstream: ScriptedUpstream) -> None:
    if row.script:
        upstream.script("gpt", **row.script)
    key = {} if row.with_keys else {"authorization": f"Bearer {MASTER}"}
    async with guarded.http() as http:
        response = await http.post(row.path, content=row.body, headers={**key, **row.headers})
    assert response.status_code == row.status
    body = json.loads(response.text.strip().splitlines()[-1].removeprefix("data: ")) if row.last_event else None
    answered = response.json() if body is None else body
    message = row.error["message"].replace("{upstream}", upstream.url.removeprefix("http://"))
    assert answered["error"] == {**row.error, "message": message}
    assert answered.get("type") == ("error" if row.path == MESSAGES else None)
    assert response.headers["x-nova-call-id"]
    assert len(upstream.requests) == (1 if row.script else 0)


async def test_the_gateway_serves_on_after_every_kind_of_bad_input(served: Live, upstream: ScriptedUpstream) -> None:
    async with served.http() as http:
        for row in ROWS:
            if not row.script:
                await http.post(row.path, content=row.body)
        response = await http.post(CHAT, content=GOOD)
    assert response.json()["choices"][0]["message"]["content"] == "Hello from gpt."
    assert served.gateway.in_flight == 0


async def test_a_chunked_body_over_the_limit_is_refused_while_it_arrives(served: Live) -> None:
    async def pieces():
        for _ in range(8):
            yield b"x" * 10_000

    async with served.http() as http:
        response = await http.post(CHAT, content=pieces())
    assert (response.status_code, response.json()["error"]["code"]) == (413, "request_too_large")


async def test_a_caller_still_sending_a_refused_body_gets_to_read_the_answer(served: Live) -> None:
    async with served.http() as http:
        response = await http.post(CHAT, content=b"x" * 20_000_000)
    assert response.status_code == 413
    assert response.headers["connection"] == "close"


async def test_a_body_that_does_not_arrive_is_given_up(served: Live) -> None:
    reader, writer = await served.connect()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"408" in head.split(b"\r\n")[0]
    body = json.loads(await reader.readuntil(b"}}"))
    assert body["error"]["message"] == "the request body did not arrive within 0.5 seconds"
    writer.close()


HUGE = ("1e999", "9" * 5000, '{"a": 1e999}')


@pytest.mark.parametrize("number", HUGE, ids=["float", "integer", "nested"])
@pytest.mark.parametrize("member", ["timeout", "num_retries", "metadata", "cache", "api_key"])
async def test_numbers_that_no_type_can_hold_are_the_callers_mistake(member: str, number: str, served: Live) -> None:
    async with served.http() as http:
        response = await http.post(
            CHAT, content=GOOD.replace(b"}]}", b'}], "%b": %b}' % (member.encode(), number.encode()))
        )
        embedded = await http.post("/v1/embeddings", content=b'{"model": "emb", "input": [%b]}' % number.encode())
    assert (response.status_code, embedded.status_code) == (400, 400)
    assert "out of range" in response.json()["error"]["message"]


async def test_management_routes_give_a_body_up_too(served: Live) -> None:
    reader, writer = await served.connect()
    writer.write(
        b"POST /utils/token_counter HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: 100\r\n\r\n{"
    )
    assert b"408" in await reader.readuntil(b"\r\n")
    writer.close()


async def test_unknown_paths_and_wrong_methods_are_answered_in_openais_shape(served: Live) -> None:
    async with served.http() as http:
        nowhere = await http.get("/v1/nowhere")
        wrong = await http.get(CHAT)
        wrong_management = await http.post("/v1/models")
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (wrong_management.status_code, wrong_management.headers["allow"]) == (405, "GET")
    assert {"message", "type", "param", "code"} == wrong.json()["error"].keys()
    assert wrong_management.json()["error"]["code"] == "method_not_allowed"


async def test_a_fault_of_the_gateways_own_shows_nothing_and_is_logged_with_the_call_id(
    served: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(call: object) -> object:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(served.gateway, "answer", broken)
    async with served.http() as http:
        response = await http.post(CHAT, content=GOOD)
    assert response.status_code == 500
    assert "secret" not in response.text
    call_id = response.headers["x-nova-call-id"]
    assert call_id in response.json()["error"]["message"]
    assert [record for record in caplog.records if call_id in record.getMessage() and record.exc_info]


def test_the_documented_table_has_every_row() -> None:
    lines = as_markdown().splitlines()
    assert len(lines) == len(ROWS) + 2
    assert (
        "| unknown model | `/v1/chat/completions` | 404 | "
        in lines[2 + [row.title for row in ROWS].index("unknown model")]
    )
