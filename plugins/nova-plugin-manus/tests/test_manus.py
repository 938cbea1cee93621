"""Manus: what an agent is told, how long is waited for it, and what its task has come to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nova_core.errors import BadGatewayError, BadRequestError, InternalServerError, NovaError, UnsupportedParamsError
from nova_core.gateway.relay import CallerStream
from nova_core.testing import ScriptedUpstream
from nova_core.testing.caller import GatewayFactory
from nova_core.testing.provider_bench import bench, chat_request, function_tool, responses_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.principal import ANONYMOUS
from nova_core.types.secret import Secret
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.samples import PIXEL
from nova_plugin_manus import plugin

CREATE, TASK = "/v1/responses", "/v1/responses/task_1"


def said(role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"m-{role}", "role": role, "type": "message", "status": "completed", "content": list(content)}


def text(words: str) -> dict[str, Any]:
    return {"type": "output_text", "text": words}


def task(status: str, *output: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"id": "task_1", "object": "response", "createdAt": "1700000000", "model": "manus-1.6-adaptive"}
    return {**head, "status": status, "output": list(output), "metadata": {"task_url": "https://m.test/1"}, **more}


DONE = task("completed", said("user", text("the task")), said("assistant", text("It is done.")))


@pytest.fixture
async def at(upstream: ScriptedUpstream):
    given = Deployment("d", "public", "manus", "manus-1.6", api_base=upstream.url, api_key=Secret("the-manus-key"))
    async with bench(plugin, plugin.complete(given, {})) as made:
        made.waits = False
        yield made


async def test_a_task_is_asked_about_until_it_is_done(upstream: ScriptedUpstream, at: Any):
    upstream.script(CREATE, json=task("running"))
    upstream.script(TASK, json=task("pending", said("user", text("the task")))).script(TASK, json=task("running"))
    upstream.script(TASK, json=DONE)
    reply = await at.chat(chat_request("public", "Do it."))
    assert (reply.text, reply.id, reply.created) == ("It is done.", "task_1", 1_700_000_000)
    assert reply.choices[0].finish == "stop"
    created, *asked = upstream.requests
    assert created.json == {
        "model": "manus-1.6",
        "agent_profile": "manus-1.6",
        "task_mode": "agent",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Do it."}]}],
    }
    assert [(each.method, each.path, each.body) for each in asked] == [("GET", TASK, b"")] * 3
    for each in upstream.requests:
        assert (each.header("api_key"), each.header("content-type")) == ("the-manus-key", "application/json")
        assert each.header("authorization") is None


async def test_questions_come_slower_and_slower(upstream: ScriptedUpstream, at: Any):
    upstream.script(CREATE, json=task("running"))
    for _ in range(9):
        upstream.script(TASK, json=task("running"))
    upstream.script(TASK, json=DONE)
    await at.chat(chat_request("public"))
    waits = [exchange.wait for exchange, _ in at.read]
    assert waits[:2] == [0.0, 1.0]
    assert waits == sorted(waits)
    assert waits[-1] == 5.0


async def test_what_an_agent_asks_is_its_answer_and_its_files_are_links(upstream: ScriptedUpstream, at: Any):
    file = {"type": "output_file", "fileUrl": "https://files.test/r.pdf", "fileName": "r.pdf", "mimeType": "x/y"}
    earlier = (said("user", text("first")), said("assistant", text("before")))
    answer = said("assistant", text("Which year?"), file)
    upstream.script(CREATE, json=task("pending", *earlier, said("user", text("then")), answer, said("assistant")))
    reply = await at.chat(chat_request("public"))
    assert reply.text == "Which year?\n\n[r.pdf](https://files.test/r.pdf)"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (task("error", error="out of credits"), InternalServerError, "out of credits"),
        (task("failed", error={"message": "no luck"}), InternalServerError, "no luck"),
        (task("failed"), InternalServerError, "does not say why"),
        ({"id": "task_1"}, BadGatewayError, "not a response"),
        ({"status": "running"}, BadGatewayError, "`id`"),
        ([1], BadGatewayError, "not a JSON object"),
    ],
)
async def test_what_is_no_answer_is_an_error(
    upstream: ScriptedUpstream, at: Any, answer: Any, error: type[NovaError], words: str
):
    upstream.script(CREATE, json=answer)
    with pytest.raises(error, match=words):
        await at.chat(chat_request("public"))
    upstream.forget().script(CREATE, json=task("running")).script(TASK, json=answer)
    if answer != {"id": "task_1"}:
        with pytest.raises(error, match=words):
            await at.chat(chat_request("public"))


async def test_a_conversation_is_told_as_one_message(upstream: ScriptedUpstream, at: Any):
    upstream.script(CREATE, json=DONE)
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {"role": "assistant", "content": "Where?"},
        {"role": "user", "content": "Oslo"},
    ]
    await at.chat(chat_request("public", talk))
    told = "System: Be brief.\n\nUser: Weather?\n\nAssistant: Where?\n\nUser: Oslo"
    assert upstream.last.json["input"] == [{"role": "user", "content": [{"type": "input_text", "text": told}]}]
    assert "messages" in [note.field for note in at.call.fidelity.notes]


async def test_an_agent_that_remembers_is_told_only_what_is_new(upstream: ScriptedUpstream, at: Any):
    upstream.script(CREATE, json=DONE)
    call = {"type": "function_call", "call_id": "c", "name": "look_up", "arguments": "{}"}
    items = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Where?"}]},
        call,
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "cold"}]},
        {"role": "user", "content": "Oslo"},
    ]
    await at.ask(responses_request("public", items, previous_response_id="task_0", project_id="p-1"))
    sent = upstream.last.json
    assert (sent["previous_response_id"], sent["project_id"]) == ("task_0", "p-1")
    assert sent["input"][0]["content"][0]["text"] == "Assistant: look_up({})\n\nTool: cold\n\nUser: Oslo"


async def test_members_of_the_vendor_are_callers_to_give(upstream: ScriptedUpstream, at: Any):
    upstream.script(CREATE, json=DONE)
    own = {"task_mode": "chat", "agent_profile": "manus-1.6-max", "connectors": ["gmail"], "locale": "de"}
    for asked in (chat_request("public", **own), responses_request("public", **own)):
        await at.ask(asked)
        assert {name: upstream.last.json[name] for name in own} == own


async def test_files_are_uploaded_before_the_task_that_names_them(upstream: ScriptedUpstream, at: Any):
    upstream.script("/v1/files", json={"id": "file-1", "upload_url": f"{upstream.url}/bucket/a?signature=s"})
    upstream.script("/v1/files", json={"id": "file-2", "upload_url": f"{upstream.url}/bucket/b"})
    upstream.script("/bucket/a", body=b"").script("/bucket/b", body=b"").script(CREATE, json=DONE)
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    far = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    paper = {"type": "file", "file": {"filename": "notes.txt", "file_data": "data:text/plain;base64,aGVsbG8="}}
    question = {"type": "text", "text": "What is this?"}
    await at.chat(chat_request("public", [{"role": "user", "content": [question, image, far, paper]}]))
    first, put, second, other, created = upstream.requests
    assert (first.json, second.json) == ({"filename": "file-1.png"}, {"filename": "notes.txt"})
    assert (put.method, put.path, put.body[:4]) == ("PUT", "/bucket/a?signature=s", b"\x89PNG")
    assert other.body == b"hello"
    assert put.header("api_key") is None
    assert created.json["input"][0]["content"] == [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
        {"type": "input_file", "file_id": "file-2"},
    ]


async def test_files_go_nowhere_without_encryption_and_are_base64(upstream: ScriptedUpstream, at: Any):
    paper = {"type": "input_file", "filename": "a.txt", "file_data": "aGVsbG8="}
    upstream.script("/v1/files", json={"id": "file-1", "upload_url": "http://elsewhere.test/"})
    with pytest.raises(BadGatewayError, match="without encryption"):
        await at.ask(responses_request("public", [{"role": "user", "content": [paper]}]))
    broken = {**paper, "file_data": "a b"}
    with pytest.raises(BadRequestError, match="base64"):
        await at.ask(responses_request("public", [{"role": "user", "content": [broken]}]))
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"tools": [function_tool("look_up")]}, "tools"),
        ({"temperature": 0.2}, "temperature"),
        ({"reasoning": {"effort": "high"}}, "reasoning"),
        ({"text": {"format": {"type": "json_object"}}}, "text.format"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"vendors_own": 1}, "vendors_own"),
        ({"input": [{"type": "item_reference", "id": "m"}, {"role": "user", "content": "Hi"}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "input"),
    ],
)
async def test_what_no_agent_is_told_is_refused_by_name(
    upstream: ScriptedUpstream, at: Any, members: dict[str, Any], named: str
):
    with pytest.raises(UnsupportedParamsError, match=f"`{named}"):
        await at.ask(responses_request("public", **members))
    assert upstream.requests == []


async def test_what_is_not_missed_is_left_out_and_named(upstream: ScriptedUpstream, at: Any):
    upstream.script(CREATE, json=DONE)
    text_format = {"format": {"type": "text"}}
    await at.ask(responses_request("public", text=text_format, temperature=1, user="u", include=["file_search_call"]))
    assert set(at.call.fidelity.dropped) == {"max_output_tokens", "text.format", "temperature", "user"}
    assert upstream.last.json.keys() == {"model", "input", "task_mode", "agent_profile"}


async def ask(caller: Any, **members: Any) -> dict[str, Any]:
    """A response, or the last event of a stream of one."""
    request = Request("chat", OPENAI_RESPONSES, {"model": "agent", **members})
    answer = await caller.gateway.conversations.answer(Call(request))
    if isinstance(answer, Reply):
        return msgspec.json.decode(answer.encode())
    assert isinstance(answer, CallerStream)
    pieces = [piece async for piece in answer]
    await answer.aclose()
    return msgspec.json.decode(pieces[-1].split(b"data: ")[-1])["response"]


@pytest.fixture
async def caller(upstream: ScriptedUpstream, gateway: GatewayFactory):
    params = {"model": "manus/manus-1.6", "api_base": "{upstream}/v1", "api_key": "the-manus-key"}
    return await gateway({"model_list": [{"model_name": "agent", "params": params}]})


async def test_a_task_in_the_background_is_asked_about_by_its_caller(upstream: ScriptedUpstream, caller: Any):
    upstream.script(CREATE, json=task("running"))
    begun = await ask(caller, input="Do it.", background=True)
    assert (begun["status"], begun["output"], begun["model"]) == ("in_progress", [], "agent")
    assert "task_1" not in begun["id"]
    assert "background" not in upstream.last.json
    conversations = caller.gateway.conversations
    upstream.script(TASK, json=task("running")).script(TASK, json=DONE).script(TASK, json=task("error", error="broke"))
    found = [msgspec.json.decode((await conversations.retrieve(ANONYMOUS, begun["id"])).encode()) for _ in range(3)]
    assert [each["status"] for each in found] == ["in_progress", "completed", "failed"]
    assert found[1]["output"][0]["content"][0]["text"] == "It is done."
    assert found[1]["created_at"] == 1_700_000_000
    assert found[2]["error"]["message"] == "broke"
    assert {each["id"] for each in found} == {begun["id"]}


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_conversation_goes_on_where_the_agent_is(upstream: ScriptedUpstream, caller: Any, streamed: bool):
    upstream.script(CREATE, json=DONE)
    first = await ask(caller, input="Do it.", stream=streamed)
    assert first["status"] == "completed"
    assert first["output"][0]["content"][0]["text"] == "It is done."
    assert first["metadata"]["task_url"] == "https://m.test/1"
    await ask(caller, input="And now?", previous_response_id=first["id"], stream=streamed)
    assert upstream.last.json["previous_response_id"] == "task_1"
    assert upstream.last.json["input"][0]["content"][0]["text"] == "And now?"
