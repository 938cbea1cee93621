"""Routes that say why, and the header that says it with the answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from nova_core.testing import ScriptedUpstream
from tests.server.conftest import MASTER
from tests.server.live import Live
from tests.server.process import ServerProcess

HELLO = {"model": "gpt", "messages": [{"role": "user", "content": "hi"}]}
ADMIN = {"authorization": f"Bearer {MASTER}"}
LIMITED = {"authorization": "Bearer sk-limited"}
EXPLAIN = {"x-nova-decision": "explain"}


async def test_a_call_says_why_on_request(served: Live) -> None:
    async with served.http() as http:
        answer = await http.post("/v1/chat/completions", json=HELLO)
        found = await http.get(f"/v1/calls/{answer.headers['x-nova-call-id']}/why")
    record = found.json()
    assert record["deployment"] == answer.headers["x-nova-model-id"]
    assert record["groups"][0]["order"] == [[record["deployment"]]]
    assert record["usage"]
    assert record["config"]


async def test_a_stream_and_a_failure_have_records(served: Live, upstream: ScriptedUpstream) -> None:
    async with served.http() as http:
        streamed = await http.post("/v1/chat/completions", json={**HELLO, "stream": True})
        upstream.script("gpt", status=503)
        failed = await http.post("/v1/chat/completions", json=HELLO)
        first, second = [
            (await http.get(f"/v1/calls/{each.headers['x-nova-call-id']}/why")).json() for each in (streamed, failed)
        ]
    assert (first["stream"], first["status"]) == (True, 200)
    assert second["status"] == failed.status_code
    assert second["attempts"][0]["failure"]["status"] == 503


async def test_a_key_sees_its_own_calls_and_the_master_key_all(guarded: Live) -> None:
    async with guarded.http() as http:
        own = await http.post("/v1/chat/completions", json=HELLO, headers=LIMITED)
        foreign = await http.post("/v1/chat/completions", json=HELLO, headers=ADMIN)
        paths = [f"/v1/calls/{each.headers['x-nova-call-id']}/why" for each in (own, foreign)]
        for headers, statuses in ((LIMITED, [200, 404]), (ADMIN, [200, 200]), ({}, [401, 401])):
            assert [(await http.get(path, headers=headers)).status_code for path in paths] == statuses
        seen = (await http.get(paths[0], headers=LIMITED)).json()
        missing = await http.get("/v1/calls/nobody/why", headers=ADMIN)
    assert "config" not in seen
    assert "plugins" not in seen
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "call_not_found")


@pytest.mark.parametrize("members", [{}, {"stream": True}, {"model": "missing"}])
async def test_administrators_get_the_decision_with_the_answer(guarded: Live, members: dict[str, Any]) -> None:
    async with guarded.http() as http:
        body = {**HELLO, **members}
        told = await http.post("/v1/chat/completions", json=body, headers={**ADMIN, **EXPLAIN})
        silent = await http.post("/v1/chat/completions", json=body, headers={**LIMITED, **EXPLAIN})
        unasked = await http.post("/v1/chat/completions", json=body, headers=ADMIN)
    line = json.loads(told.headers["x-nova-decision"])
    assert line["model"] == body["model"]
    assert ("groups" in line) is ("model" not in members)
    assert "x-nova-decision" not in silent.headers
    assert "x-nova-decision" not in unasked.headers


async def test_a_decision_that_is_too_long_for_a_header_says_what_was_cut(config: dict[str, Any]) -> None:
    from tests.server.live import live

    models = [
        {"model_name": "many", "params": {"model": "echo/echo"}, "model_info": {"id": f"deployment-number-{number}"}}
        for number in range(100)
    ]
    async with live({**config, "model_list": models}) as served, served.http() as http:
        answer = await http.post("/v1/chat/completions", json={**HELLO, "model": "many"}, headers=EXPLAIN)
    line = json.loads(answer.headers["x-nova-decision"])
    assert len(answer.headers["x-nova-decision"]) <= 4000
    assert line["cut"] == ["groups"]
    assert line["attempts"]


async def test_a_question_is_answered_without_a_call(served: Live, upstream: ScriptedUpstream) -> None:
    mixed = [{"text": "a", "task": "retrieval"}, {"text": "b", "task": "code"}]
    async with served.http() as http:
        chat = (await http.post("/route/explain", json=HELLO)).json()
        batch = (await http.post("/route/explain", json={"model": "nova", "input": mixed})).json()
        strange = (await http.post("/route/explain", json={**HELLO, "model": "missing"})).json()
        asked = await http.post("/route/explain?route=/v1/responses", json={"model": "gpt", "input": "hi"})
        unknown = await http.post("/route/explain?route=/v1/models", json=HELLO)
        unclear = await http.post("/route/explain", json={"model": "gpt"})
        broken = await http.post("/route/explain", content=b"{")
    assert chat["groups"][0]["order"] == [["id-gpt"]]
    assert [child["task"] for child in batch["children"]] == ["retrieval", "code"]
    assert strange["failure"]["code"] == "model_not_found"
    assert asked.json()["dialect"] == "openai_responses"
    assert [each.status_code for each in (unknown, unclear, broken)] == [400, 400, 400]
    assert upstream.asked == []


async def test_no_records_are_kept_where_the_operator_wants_none(config: dict[str, Any]) -> None:
    from tests.server.live import live

    config["general_settings"]["limits"]["decisions"] = 0
    async with live(config) as served, served.http() as http:
        answer = await http.post("/v1/chat/completions", json=HELLO)
        found = await http.get(f"/v1/calls/{answer.headers['x-nova-call-id']}/why")
    assert found.status_code == 404


async def test_whichever_worker_is_asked_knows_the_calls_of_all(tmp_path: Path) -> None:
    config = {"model_list": [{"model_name": "gpt", "params": {"model": "echo/echo"}}]}
    with ServerProcess(tmp_path, yaml.safe_dump(config), workers=2) as server:

        async def call() -> str:
            async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
                answer = await http.post("/v1/chat/completions", json=HELLO)
                return answer.headers["x-nova-call-id"]

        async def ask(id: str) -> int:
            async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
                return (await http.get(f"/v1/calls/{id}/why")).status_code

        ids = await asyncio.gather(*(call() for _ in range(6)))
        assert set(await asyncio.gather(*(ask(id) for id in ids for _ in range(3)))) == {200}
        assert await ask("nobody") == 404
