"""A gateway as a process, and an upstream that it calls over HTTP/2."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx

from nova_core.testing.server_process import ServerProcess
from tests.gateway.h2server import H2Server, Visit

CHAT = "/v1/chat/completions"
ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "over two"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}  # fmt: skip


def chunk(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    said = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(said).encode() + b"\n\n"


async def answers(visit: Visit) -> None:
    if not json.loads(visit.body).get("stream"):
        await visit.answer(json.dumps(ANSWER).encode(), content_type="application/json")
        return
    visit.head(content_type="text/event-stream")
    number = 0
    while not visit.gone.is_set() and (number < 3 or b"endless" in visit.body):
        await visit.send(chunk(f"{number} "))
        number += 1
        await asyncio.sleep(0.02)
    await visit.send(chunk("", "stop") + b"data: [DONE]\n\n", end=True)


async def test_a_chat_and_streams_go_over_one_connection_and_a_caller_who_leaves_ends_the_work(tmp_path: Path) -> None:
    async with H2Server(answers) as upstream:
        params = {"model": "openai/m", "api_base": f"{upstream.url}/v1", "api_key": "sk-upstream"}
        config = {
            "model_list": [{"model_name": "m", "litellm_params": params}],
            "nova_settings": {"http2_hosts": ["127.0.0.1"]},
        }
        server = await asyncio.to_thread(ServerProcess.serving, config, tmp_path, args=("--workers", "1"))
        try:
            async with httpx.AsyncClient(base_url=server.base_url, timeout=10) as http:
                await _calls(http, upstream)
        finally:
            await asyncio.to_thread(server.stop)
        assert len(upstream.peers) == 1
        assert "sk-upstream" not in server.logs and "Traceback" not in server.logs


async def _calls(http: httpx.AsyncClient, upstream: H2Server) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    calls = [http.post(CHAT, json=body) for _ in range(5)]
    for answer in await asyncio.gather(*calls):
        assert answer.json()["choices"][0]["message"]["content"] == "over two", answer.text
    assert upstream.visits[0].headers["authorization"] == "Bearer sk-upstream"
    async with http.stream("POST", CHAT, json={**body, "stream": True}) as stream:
        lines = [line async for line in stream.aiter_lines() if line]
    assert [json.loads(line[6:])["choices"][0]["delta"]["content"] for line in lines[:3]] == ["0 ", "1 ", "2 "]
    assert lines[-1] == "data: [DONE]"
    endless = {**body, "stream": True, "messages": [{"role": "user", "content": "endless"}]}
    async with http.stream("POST", CHAT, json=endless) as stream:
        await anext(stream.aiter_lines())
    await asyncio.wait_for(upstream.visits[-1].gone.wait(), 3)
    assert [number for number, _ in upstream.resets] == [upstream.visits[-1].number]
