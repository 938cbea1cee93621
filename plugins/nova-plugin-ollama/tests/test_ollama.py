"""Ollama: what is sent, what comes back, and streams of lines."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, InternalServerError, NotFoundError, NovaError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request, function_tool
from nova_core.types.call import Call, CallOptions
from nova_core.types.chat import Text, Thinking, ToolCall
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingsReply
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.usage import Usage
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.assemble import assemble
from nova_core.wire.json_lines import LineParser
from nova_plugin_ollama import plugin
from nova_plugin_ollama.reply import Decoder, parse

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def deployment(model: str = "llama3.2", **fields: Any) -> Deployment:
    completed: Deployment = plugin.complete(
        Deployment(**{"id": "d", "group": "g", "provider": "ollama", "model": model, **fields}), {}
    )
    return completed


def sent(request: Request, model: str = "llama3.2", *, drop: bool = False) -> tuple[dict[str, Any], Call]:
    call = Call(request, options=CallOptions(drop_params=drop))
    body = plugin.provider_call(call, request, deployment(model)).request.body
    decoded: dict[str, Any] = msgspec.json.decode(body or b"")
    return decoded, call


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (None, "http://localhost:11434/api/chat"),
        ("http://gpu:1/", "http://gpu:1/api/chat"),
        ("http://gpu:1/api/generate", "http://gpu:1/api/chat"),
        ("http://gpu:1/v1", "http://gpu:1/api/chat"),
        ("https://proxy/x/api/chat", "https://proxy/x/api/chat"),
    ],
)
def test_a_base_may_end_in_any_path_of_the_server(base: str | None, url: str) -> None:
    request = chat_request("g")
    assert plugin.provider_call(Call(request), request, deployment(api_base=base)).request.url == url


def test_the_environment_says_where_and_a_key_is_optional() -> None:
    bare, request = Deployment("d", "g", "ollama_chat", "m"), chat_request("g")
    found = plugin.complete(bare, {"OLLAMA_API_BASE": "http://gpu:1"})
    asked = plugin.provider_call(Call(request), request, found).request
    assert (asked.url, dict(asked.headers).get("Authorization")) == ("http://gpu:1/api/chat", None)
    request, keyed = chat_request("g"), deployment(api_key=Secret("k"))
    assert dict(plugin.provider_call(Call(request), request, keyed).request.headers)["Authorization"] == "Bearer k"


def test_every_parameter_has_its_place() -> None:
    body, call = sent(
        chat_request(
            "g", temperature=0.5, top_p=0.9, top_k=5, seed=7, stop="END", presence_penalty=0.1, frequency_penalty=0.2,
            num_ctx=8192, options={"min_p": 0.1, "temperature": 2}, keep_alive="10m", user="u", n=1,
            response_format={"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}},
            logprobs=True, top_logprobs=2, stream=True,
        )
    )  # fmt: skip
    assert body == {
        "model": "llama3.2", "stream": True, "messages": [{"role": "user", "content": "Hi there"}],
        "format": SCHEMA, "keep_alive": "10m", "logprobs": True, "top_logprobs": 2,
        "options": {
            "num_predict": 100, "temperature": 0.5, "top_p": 0.9, "top_k": 5, "seed": 7, "presence_penalty": 0.1,
            "frequency_penalty": 0.2, "stop": ["END"], "num_ctx": 8192, "min_p": 0.1,
        },
    }  # fmt: skip
    assert set(call.fidelity.dropped) == {"user", "n", "response_format.json_schema.name"}


def test_any_json_is_a_format_too_and_what_is_not_streamed_says_so() -> None:
    body, _ = sent(chat_request("g", response_format={"type": "json_object"}))
    assert (body["format"], body["stream"]) == ("json", False)


@pytest.mark.parametrize(
    ("model", "effort", "think"),
    [
        ("qwen3", "low", True), ("qwen3", "none", False), ("gpt-oss:20b", "low", "low"),
        ("gpt-oss:20b", "xhigh", "high"), ("gpt-oss:120b", "none", False), ("qwen3", None, None),
    ],
)  # fmt: skip
def test_an_effort_is_a_level_for_models_that_know_levels(model: str, effort: str | None, think: Any) -> None:
    body, _ = sent(chat_request("g", **({"reasoning_effort": effort} if effort else {})), model)
    assert body.get("think") == think


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2), ("logit_bias", {"1": 2}), ("modalities", ["text", "audio"]), ("made_up", 1),
        ("tool_choice", "required"), ("parallel_tool_calls", False),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name_or_dropped(name: str, value: Any) -> None:
    request = chat_request("g", tools=[function_tool("f")], **{name: value})
    with pytest.raises(UnsupportedParamsError, match=name):
        sent(request)
    body, call = sent(request, drop=True)
    assert name not in body
    assert name in call.fidelity.lost


def test_no_tools_are_sent_where_none_may_be_called() -> None:
    body, _ = sent(chat_request("g", tools=[function_tool("f")], tool_choice="none"))
    assert "tools" not in body


def test_images_are_bare_base64_and_urls_are_refused() -> None:
    parts: list[dict[str, Any]] = [{"type": "text", "text": "What is it?"}]
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    body, _ = sent(chat_request("g", [{"role": "user", "content": [*parts, image]}]))
    assert body["messages"] == [{"role": "user", "content": "What is it?", "images": [PIXEL]}]
    remote = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    with pytest.raises(UnsupportedParamsError, match=r"messages\[0\]"):
        sent(chat_request("g", [{"role": "user", "content": [*parts, remote]}]))


def test_images_that_were_drawn_in_an_answer_are_told_again() -> None:
    drawn = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}]
    asked = {"role": "user", "content": "Draw"}
    body, call = sent(chat_request("g", [asked, {"role": "assistant", "content": "Here", "images": drawn}, asked]))
    assert body["messages"][1] == {"role": "assistant", "content": "Here", "images": [PIXEL]}
    assert call.fidelity.dropped == ()


def test_a_conversation_with_tools_and_thoughts_is_told_again() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]
    body, _ = sent(
        chat_request(
            "g",
            [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Go"},
                {"role": "assistant", "content": None, "tool_calls": calls, "reasoning_content": "hm"},
                {"role": "tool", "tool_call_id": "c1", "content": "done"},
            ],
        )
    )
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Go"},
        {
            "role": "assistant", "content": "", "thinking": "hm",
            "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "done", "tool_name": "f", "tool_call_id": "c1"},
    ]  # fmt: skip


def test_a_text_document_stands_apart_under_its_title() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "Long ago."}
    said = [{"type": "text", "text": "Read:"}, {"type": "document", "source": source, "title": "A tale"}]
    members = {"model": "g", "max_tokens": 9, "messages": [{"role": "user", "content": said}]}
    body, _ = sent(Request("chat", ANTHROPIC_MESSAGES, members))
    assert body["messages"] == [{"role": "user", "content": "Read:\nA tale\nLong ago."}]


def test_callers_of_another_api_are_served_and_errors_of_tools_are_told() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": "no such file", "is_error": True}
    use = {"type": "tool_use", "id": "t", "name": "read", "input": {"path": "/x"}}
    said = [
        {"role": "user", "content": "Go"}, {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result, {"type": "text", "text": "Again?"}]},
    ]  # fmt: skip
    request = Request("chat", ANTHROPIC_MESSAGES, {"model": "g", "max_tokens": 9, "system": "S", "messages": said})
    body, _ = sent(request)
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool", "user"]
    assert body["messages"][3]["content"] == "Error: no such file"
    assert body["options"] == {"num_predict": 9}


LINES: list[dict[str, Any]] = [
    {"model": "m", "created_at": "2025-01-01T00:00:00.123456789Z", "message": {"content": "", "thinking": "h"}},
    {"model": "m", "message": {"role": "assistant", "content": "", "thinking": "m"}},
    {"model": "m", "message": {"role": "assistant", "content": "Grüße "}},
    {"model": "m", "message": {"role": "assistant", "content": "\n\u2028you"}},
    {"model": "m", "message": {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}},
    {"model": "m", "message": {"content": "", "tool_calls": [{"id": "x", "function": {"name": "g", "arguments": {}}}]}},
    {
        "model": "m", "message": {"content": ""}, "done": True, "done_reason": "stop",
        "prompt_eval_count": 3, "eval_count": 5,
    },
]  # fmt: skip
STREAM = b"\r\n".join(map(msgspec.json.encode, LINES))


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=8))
def test_a_stream_may_be_split_anywhere(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parser, decoder = LineParser(), Decoder()
    frames = [frame for start, end in pairwise(places) for frame in parser.feed(STREAM[start:end])]
    events = [event for frame in (*frames, *parser.end()) for event in decoder.decode(frame)]
    reply = assemble([*events, *decoder.end()])
    thought, text, *calls = reply.choices[0].message.parts
    assert (thought, text) == (Thinking("hm"), Text("Grüße \n\u2028you"))
    assert [(call.name, call.arguments) for call in calls if isinstance(call, ToolCall)] == [
        ("f", '{"a":1}'),
        ("g", "{}"),
    ]
    assert (reply.choices[0].finish, reply.usage) == ("tool_calls", Usage(input=3, output=5))


@given(st.lists(st.binary(max_size=40) | st.sampled_from([msgspec.json.encode(line) for line in LINES]), max_size=6))
def test_garbage_never_ends_cleanly(pieces: list[bytes]) -> None:
    parser, decoder = LineParser(), Decoder()
    data = b"\n".join(pieces)
    try:
        for frame in (*parser.feed(data), *parser.end()):
            decoder.decode(frame)
        decoder.end()
    except NovaError:
        return
    assert b'"done":true' in data


async def test_an_answer_that_is_cut_short_and_its_thoughts_are_told(upstream: ScriptedUpstream) -> None:
    message = {"role": "assistant", "content": "Well", "thinking": "hm"}
    upstream.script(
        "*", json={"model": "m", "message": message, "done": True, "done_reason": "length", "eval_count": 2}
    )
    async with bench(plugin, deployment(api_base=upstream.url)) as ours:
        reply = await ours.chat(chat_request("g"))
    assert reply.choices[0].message.parts == (Thinking("hm"), Text("Well"))
    assert (reply.choices[0].finish, reply.usage) == ("length", Usage(output=2))


async def test_errors_are_told_before_and_inside_of_streams(upstream: ScriptedUpstream) -> None:
    upstream.script("*", status=404, message="model 'x' not found")
    upstream.script("*", json={"error": "it broke"})
    first = msgspec.json.encode(LINES[2]) + b"\n"
    upstream.script("*", sse=[first, b'{"error": "llama runner process has terminated"}\n'])
    async with bench(plugin, deployment(api_base=upstream.url)) as ours:
        with pytest.raises(NotFoundError, match="not found"):
            await ours.chat(chat_request("g"))
        with pytest.raises(BadGatewayError, match="it broke"):
            await ours.chat(chat_request("g"))
        with pytest.raises(InternalServerError, match="terminated"):
            await ours.chat(chat_request("g", stream=True))


async def test_vectors_are_asked_for_with_options_and_coded_where_the_caller_wants_that(
    upstream: ScriptedUpstream,
) -> None:
    upstream.script("*", width=4)
    async with bench(plugin, deployment("nomic-embed-text", api_base=upstream.url)) as ours:
        request = embeddings_request("g", ["a", {"text": "b"}], encoding_format="base64", dimensions=4, keep_alive=0)
        reply = await ours.ask(request)
        with pytest.raises(UnsupportedParamsError, match="input"):
            await ours.ask(embeddings_request("g", [1, 2, 3]))
    assert upstream.last.json == {"model": "nomic-embed-text", "input": ["a", "b"], "dimensions": 4, "keep_alive": 0}
    assert isinstance(reply, Reply)
    assert isinstance(reply.typed, EmbeddingsReply)
    assert all(isinstance(vector.embedding, str) for vector in reply.typed.data)
    assert reply.usage == Usage(input=2)


async def test_a_gateway_streams_lines_to_callers_of_another_format(gateway: Any, upstream: ScriptedUpstream) -> None:
    upstream.script("llama3.2", text="hi there", usage=(3, 2))
    params = {"model": "ollama/llama3.2", "api_base": upstream.url, "num_ctx": 4096, "keep_alive": "5m"}
    caller = await gateway({"model_list": [{"model_name": "mine", "litellm_params": params}]})
    written = b"".join([piece async for piece in caller.stream("mine")])
    assert b'"content":"hi ' in written
    assert b'"model":"mine"' in written
    assert written.endswith(b"data: [DONE]\n\n")
    assert upstream.last.json["options"]["num_ctx"] == 4096
    assert upstream.last.json["keep_alive"] == "5m"


@pytest.mark.parametrize("member", ["content", "thinking"])
def test_a_reply_whose_words_are_no_text_is_none(member: str) -> None:
    with pytest.raises(BadGatewayError):
        parse({"model": "m", "message": {"role": "assistant", member: [1]}, "done": True})
