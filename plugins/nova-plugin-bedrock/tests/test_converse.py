"""Converse: what is sent holds to Amazon's own service model, and answers come back whole."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from nova_core.errors import BadGatewayError, BadRequestError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, embeddings_request, function_tool
from nova_core.testing.upstream_amazon import event_message
from nova_core.types.call import Call, CallOptions
from nova_core.types.chat import ChatReply, Opaque, RedactedThinking, Text, Thinking, ToolCall
from nova_core.types.deployment import Deployment
from nova_core.types.events import Frame
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.assemble import assemble
from nova_plugin_bedrock.dialect import CONVERSE, COUNT_TOKENS
from nova_plugin_bedrock.provider import Bedrock

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
HISTORY: list[dict[str, Any]] = [
    {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            {"type": "file", "file": {"filename": "a_b.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"}},
        ],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":"it"}'}},
            {"id": "c2", "type": "function", "function": {"name": "look", "arguments": ""}},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "a pixel"},
    {"role": "tool", "tool_call_id": "c2", "content": "a page"},
    {"role": "user", "content": "And?"},
]


def sent(request: Request, model: str = CLAUDE, *, drop: bool = False) -> dict[str, Any]:
    """The body that an upstream gets; raises what the provider raises."""
    provider = Bedrock()
    deployment = provider.complete(
        Deployment(id="d", group="g", provider="bedrock", model=model, api_key=Secret("k")), {}
    )
    body = provider.provider_call(
        Call(request, options=CallOptions(drop_params=drop)), request, deployment
    ).request.body
    assert body is not None
    found: dict[str, Any] = json.loads(body)
    return found


def check_against_model(operation: str, body: Mapping[str, Any]) -> None:
    """Raises AssertionError for what botocore's service model does not know."""
    loaders, model, validate = (
        pytest.importorskip(f"botocore.{name}", reason="botocore brings the service model")
        for name in ("loaders", "model", "validate")
    )
    service = model.ServiceModel(loaders.Loader().load_service_model("bedrock-runtime", "service-2"))
    shape = service.operation_model(operation).input_shape
    report = validate.ParamValidator().validate({"modelId": "m", **body}, shape)
    assert not report.has_errors(), report.generate_report()


def full_request() -> Request:
    return chat_request(
        "g",
        HISTORY,
        max_tokens=4000,
        temperature=0.5,
        top_p=0.9,
        stop=["END"],
        tools=[function_tool("look", at={"type": "string"})],
        tool_choice="required",
        parallel_tool_calls=False,
        response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}},
        service_tier="flex",
        guardrailConfig={"guardrailIdentifier": "g1", "guardrailVersion": "1", "trace": "enabled"},
        performanceConfig={"latency": "optimized"},
        requestMetadata={"team": "a"},
        additionalModelRequestFields={"top_k": 5},
    )


def test_a_whole_request_is_said_in_the_vendors_words() -> None:
    body = sent(full_request())
    check_against_model("Converse", body)
    check_against_model("ConverseStream", body)
    assert body["system"] == [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}]
    question, calls, results = body["messages"]
    assert question["content"][1] == {"image": {"format": "png", "source": {"bytes": PIXEL}}}
    assert question["content"][2] == {
        "document": {"format": "pdf", "name": "a-b", "source": {"bytes": "JVBERi0x"}},
    }
    assert [block["toolUse"]["input"] for block in calls["content"]] == [{"at": "it"}, {}]
    assert results == {
        "role": "user",
        "content": [
            {"toolResult": {"toolUseId": "c1", "content": [{"text": "a pixel"}]}},
            {"toolResult": {"toolUseId": "c2", "content": [{"text": "a page"}]}},
            {"text": "And?"},
        ],
    }
    assert body["inferenceConfig"] == {"maxTokens": 4000, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
    assert body["toolConfig"]["toolChoice"] == {"any": {}}
    assert body["additionalModelRequestFields"] == {
        "tool_choice": {"disable_parallel_tool_use": True},
        "top_k": 5,
    }
    definition = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(definition["schema"]) == SCHEMA
    assert body["serviceTier"] == {"type": "flex"}
    assert body["guardrailConfig"]["guardrailIdentifier"] == "g1"
    assert "model" not in body
    assert "stream" not in body


@pytest.mark.parametrize(
    ("model", "effort", "additional", "output"),
    [
        (
            "anthropic.claude-opus-4-8",
            "high",
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            {"effort": "high"},
        ),
        (
            "amazon.nova-2-lite-v1:0",
            "high",
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
            None,
        ),
        ("openai.gpt-oss-120b-1:0", "high", {"reasoning_effort": "high"}, None),
        ("meta.llama3-3-70b-instruct-v1:0", "none", None, None),
    ],
)
def test_effort_is_said_as_each_maker_says_it(model: str, effort: str, additional: Any, output: Any) -> None:
    body = sent(chat_request("g", reasoning_effort=effort), model)
    check_against_model("Converse", body)
    assert body.get("additionalModelRequestFields") == additional
    assert body.get("outputConfig") == output


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"some_new_field": 1}, "some_new_field"),
        ({"tools": [function_tool("f")], "parallel_tool_calls": False}, "parallel_tool_calls"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
            "response_format",
        ),
    ],
)
def test_what_a_model_cannot_take_is_refused_by_name(members: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedParamsError, match=f"`{named}"):
        sent(chat_request("g", **members), "meta.llama3-3-70b-instruct-v1:0")


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.5), ("top_p", 0.9), ("top_k", 5)])
def test_models_that_refuse_to_be_told_how_to_sample_are_not_told(name: str, value: float) -> None:
    with pytest.raises(UnsupportedParamsError, match=f"`{name}`"):
        sent(chat_request("g", **{name: value}), "anthropic.claude-opus-4-8")
    assert sent(chat_request("g", temperature=1), "anthropic.claude-opus-4-8")["inferenceConfig"].keys() == {
        "maxTokens"
    }


def test_a_turn_without_content_and_instructions_alone_get_a_placeholder() -> None:
    empty = {"role": "user", "content": [{"text": "(empty)"}]}
    turns: list[Any] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
    assert sent(chat_request("g", [*turns, {"role": "user", "content": ""}]))["messages"][2] == empty
    assert sent(chat_request("g", [{"role": "system", "content": "Say hello."}]))["messages"] == [empty]


def test_media_that_must_be_fetched_is_refused_by_name() -> None:
    picture = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    with pytest.raises(UnsupportedParamsError, match=r"messages\[0\]"):
        sent(chat_request("g", [{"role": "user", "content": picture}]))
    stored = [{"type": "image_url", "image_url": {"url": "s3://bucket/a.webp"}}]
    body = sent(chat_request("g", [{"role": "user", "content": stored}]))
    check_against_model("Converse", body)
    image = {"format": "webp", "source": {"s3Location": {"uri": "s3://bucket/a.webp"}}}
    assert body["messages"][0]["content"] == [{"image": image}]


def test_no_tools_are_sent_where_none_may_be_called_unless_the_history_used_them() -> None:
    tools = [function_tool("look")]
    assert "toolConfig" not in sent(chat_request("g", tools=tools, tool_choice="none"))
    with pytest.raises(UnsupportedParamsError, match="tool_choice"):
        sent(chat_request("g", HISTORY, tools=tools, tool_choice="none"))
    declared = sent(chat_request("g", HISTORY))["toolConfig"]["tools"]
    assert [tool["toolSpec"]["name"] for tool in declared] == ["look"]


def test_one_call_at_a_time_is_asked_for_beside_the_choice_of_a_tool() -> None:
    """The vendor: `tool_choice/type` conflicts with `toolConfig.toolChoice`, and is required where there is none."""
    tools = [function_tool("look")]

    def asked(**members: Any) -> tuple[Any, Any]:
        body = sent(chat_request("g", parallel_tool_calls=False, **members))
        extra = body.get("additionalModelRequestFields", {})
        return body.get("toolConfig", {}).get("toolChoice"), extra.get("tool_choice")

    alone = {"disable_parallel_tool_use": True}
    named = {"type": "function", "function": {"name": "look"}}
    assert asked(tools=tools) == (None, {"type": "auto", **alone})
    assert asked(tools=tools, tool_choice=named) == ({"tool": {"name": "look"}}, alone)
    assert asked(tools=tools, tool_choice="none") == (None, None)
    assert asked() == (None, None)


def test_marks_of_a_cache_live_as_long_as_the_model_lets_them() -> None:
    marked = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    request = chat_request("g", [{"role": "user", "content": [marked]}])
    point = {"cachePoint": {"type": "default"}}
    assert sent(request)["messages"][0]["content"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert sent(request, "amazon.nova-pro-v1:0")["messages"][0]["content"][1] == point
    assert sent(request, "meta.llama3-3-70b-instruct-v1:0")["messages"][0]["content"] == [{"text": "long"}]


def test_tokens_are_counted_of_what_would_be_sent() -> None:
    members, _ = COUNT_TOKENS.render_request(full_request().typed)
    check_against_model("CountTokens", {"input": members["input"]})
    assert set(members["input"]["converse"]) == {"messages", "system", "toolConfig"}
    with pytest.raises(BadGatewayError):
        COUNT_TOKENS.parse_reply({"inputTokens": "many"})


REPLY = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": "cmVk"}},
                {"text": "Yes."},
                {"toolUse": {"toolUseId": "t1", "name": "look", "input": {}}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": {
        "inputTokens": 10, "outputTokens": 5, "totalTokens": 45,
        "cacheReadInputTokens": 20, "cacheWriteInputTokens": 10,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 6}],
    },
    "metrics": {"latencyMs": 3},
    "serviceTier": {"type": "flex"},
}  # fmt: skip


def stream_events() -> list[bytes]:
    def event(kind: str, **members: Any) -> bytes:
        return event_message(json.dumps(members).encode(), event_type=kind)

    def delta(index: int, **said: Any) -> bytes:
        return event("contentBlockDelta", contentBlockIndex=index, delta=said)

    return [
        event("messageStart", role="assistant"),
        delta(0, reasoningContent={"text": "H"}),
        delta(0, reasoningContent={"text": "m."}),
        delta(0, reasoningContent={"signature": "c2ln"}),
        event("contentBlockStop", contentBlockIndex=0),
        delta(1, reasoningContent={"redactedContent": "cmVk"}),
        event("contentBlockStop", contentBlockIndex=1),
        delta(2, text="Yes."),
        event("contentBlockStop", contentBlockIndex=2),
        event("contentBlockStart", contentBlockIndex=3, start={"toolUse": {"toolUseId": "t1", "name": "look"}}),
        event("contentBlockStop", contentBlockIndex=3),
        event("messageStop", stopReason="tool_use"),
        event("metadata", usage=REPLY["usage"], metrics={"latencyMs": 3}, serviceTier=REPLY["serviceTier"]),
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_come_back_whole(stream: bool, upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=REPLY, sse=stream_events())
    deployment = Deployment(
        id="d", group="g", provider="bedrock", model=CLAUDE, api_base=upstream.url, api_key=Secret("key")
    )
    async with bench(Bedrock(), Bedrock().complete(deployment, {})) as provider:
        reply = await provider.chat(chat_request("g", stream=stream))
    assert upstream.last.route.endswith("/converse-stream" if stream else "/converse")
    assert reply.choices[0].message.parts == (
        Thinking("Hm.", "c2ln"), RedactedThinking("cmVk"), Text("Yes."), ToolCall("t1", "look", "{}"),
    )  # fmt: skip
    assert reply.choices[0].finish == "tool_calls"
    usage = reply.usage
    assert usage is not None
    assert (usage.input, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h) == (10, 20, 6, 4)
    assert (usage.total, usage.tier) == (45, "flex")


def test_thinking_goes_back_with_its_signature() -> None:
    typed = CONVERSE.parse_reply(REPLY)
    assert isinstance(typed, ChatReply)
    turn = ANTHROPIC_MESSAGES.render_reply(typed)
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": turn["content"]}]
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "it", "is_error": True}
    body = {"model": "g", "max_tokens": 9, "messages": [*said, {"role": "user", "content": [result]}]}
    asked = sent(Request("chat", ANTHROPIC_MESSAGES, body), f"converse/{CLAUDE}")
    check_against_model("Converse", asked)
    assert asked["messages"][1]["content"] == REPLY["output"]["message"]["content"]  # type: ignore[index]
    assert asked["messages"][2]["content"][0]["toolResult"]["status"] == "error"


def test_thinking_that_another_vendor_signed_stays_behind() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "thinking", "thinking": "", "signature": "gemini_generate:c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
    ]
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "yes", "thinking_blocks": blocks}]
    request = chat_request("g", [*turns, {"role": "user", "content": "And?"}])
    kept = [next(iter(block)) for block in sent(request)["messages"][1]["content"]]
    assert kept == ["reasoningContent", "reasoningContent", "text"]
    assert sent(request, "amazon.nova-pro-v1:0")["messages"][1]["content"] == [{"text": "yes"}]


@pytest.mark.parametrize("block", ["hi", None, [1]])
def test_a_block_that_is_no_object_makes_no_reply(block: Any) -> None:
    with pytest.raises(BadGatewayError):
        CONVERSE.parse_reply({**REPLY, "output": {"message": {"role": "assistant", "content": [block]}}})


@pytest.mark.parametrize(
    ("native", "finish"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("malformed_tool_use", "error"),
    ],
)
def test_reasons_of_the_end_are_told(native: str, finish: str) -> None:
    reply = CONVERSE.parse_reply({**REPLY, "stopReason": native})
    assert isinstance(reply, ChatReply)
    assert (reply.choices[0].finish, reply.choices[0].native_finish) == (finish, native)


def test_claude_is_asked_in_its_own_words_where_the_caller_uses_them() -> None:
    body = {"model": "g", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    asked = sent(Request("chat", ANTHROPIC_MESSAGES, body))
    assert asked == {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": body["messages"]}


def test_embeddings_are_asked_as_each_maker_wants() -> None:
    titan = sent(embeddings_request("g", "one", dimensions=256), "amazon.titan-embed-text-v2:0")
    assert titan == {"inputText": "one", "dimensions": 256}
    with pytest.raises(UnsupportedParamsError, match="dimensions"):
        sent(embeddings_request("g", "one", dimensions=256), "amazon.titan-embed-text-v1")
    item = {"text": "a", "image": f"data:image/png;base64,{PIXEL}"}
    pictures = sent(embeddings_request("g", [item]), "amazon.titan-embed-image-v1")
    assert base64.b64decode(pictures["inputImage"]).startswith(b"\x89PNG")
    cohere = sent(embeddings_request("g", ["one", "two"], input_type="search_query"), "cohere.embed-english-v3")
    assert cohere == {"texts": ["one", "two"], "input_type": "search_query"}


def test_arguments_that_are_no_object_are_the_callers_to_mend() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "[1]"}}
    with pytest.raises(BadRequestError, match="arguments"):
        sent(chat_request("g", [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]))
    nova = "amazon.nova-2-multimodal-embeddings-v1:0"
    assert sent(embeddings_request("g", "one", dimensions=256, input_type="search_query"), nova) == {
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {
            "embeddingPurpose": "GENERIC_RETRIEVAL", "embeddingDimension": 256,
            "text": {"truncationMode": "NONE", "value": "one"},
        },
    }  # fmt: skip
    shown = sent(embeddings_request("g", [{"image": "data:image/png;base64,aW1n"}], task="IMAGE_RETRIEVAL"), nova)
    assert shown["singleEmbeddingParams"] == {
        "embeddingPurpose": "IMAGE_RETRIEVAL", "image": {"format": "png", "source": {"bytes": "aW1n"}},
    }  # fmt: skip


def test_claude_does_not_think_where_it_must_call_a_tool() -> None:
    tools = [function_tool("look", at={"type": "string"})]
    asked = chat_request(
        "g", tools=tools, tool_choice="required", max_tokens=4000, reasoning_effort="low", temperature=0.5
    )
    body = sent(asked)
    assert body["toolConfig"]["toolChoice"] == {"any": {}}
    assert body["inferenceConfig"]["temperature"] == 0.5
    assert "additionalModelRequestFields" not in body
    with pytest.raises(UnsupportedParamsError, match="`tool_choice`"):
        sent(chat_request("g", tools=tools, tool_choice="required"), "anthropic.claude-opus-5-5")


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.5), ("top_p", 0.5), ("top_k", 5)])
def test_how_claude_samples_cannot_be_said_while_it_thinks(name: str, value: float) -> None:
    with pytest.raises(UnsupportedParamsError, match=f"`{name}`.*while it thinks"):
        sent(chat_request("g", max_tokens=4000, reasoning_effort="low", **{name: value}))
    body = sent(chat_request("g", max_tokens=4000, reasoning_effort="low", **{name: value}), drop=True)
    assert body["additionalModelRequestFields"]["thinking"]["type"] == "enabled"
    assert body["inferenceConfig"] == {"maxTokens": 4000}
    assert "top_k" not in body["additionalModelRequestFields"]
    assert sent(chat_request("g", **{name: value}))


def test_a_film_is_no_document_of_converse() -> None:
    film = {"type": "file", "file": {"file_data": "data:video/mp4;base64,AAAA"}}
    with pytest.raises(UnsupportedParamsError, match=r"content\[0\]"):
        sent(chat_request("g", [{"role": "user", "content": [film, {"type": "text", "text": "What is it?"}]}]))


def test_blocks_that_only_the_vendor_knows_are_put_together_as_in_a_whole_reply() -> None:
    """An image in pieces, a tool that the vendor runs and what it found; the caller has no tool to call."""
    searched = {"toolUseId": "s1", "name": "nova_grounding", "type": "server_tool_use"}
    found = {"toolUseId": "s1", "type": "nova_grounding_result", "status": "success"}
    pieces: list[tuple[str, Any]] = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": searched}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"q":'}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '"a"}'}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolResult": found}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolResult": [{"text": "b"}]}}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"image": {"format": "png"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"image": {"source": {"bytes": PIXEL[:8]}}}}),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"image": {"source": {"bytes": PIXEL[8:]}}}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        ("messageStop", {"stopReason": "end_turn"}),
    ]
    decoder = CONVERSE.decoder()
    events = [e for name, data in pieces for e in decoder.decode(Frame(json.dumps(data).encode(), name))]
    whole: list[dict[str, Any]] = [
        {"toolUse": {**searched, "input": {"q": "a"}}},
        {"toolResult": {**found, "content": [{"text": "b"}]}},
        {"image": {"format": "png", "source": {"bytes": PIXEL}}},
    ]
    body = {"output": {"message": {"role": "assistant", "content": whole}}, "stopReason": "end_turn"}
    reply = CONVERSE.parse_reply(body)
    assert isinstance(reply, ChatReply)
    expected = tuple(Opaque("bedrock_converse", block) for block in whole)
    assert reply.choices[0].message.parts == assemble(events).choices[0].message.parts == expected
    assert reply.choices[0].finish == "stop"


def test_odd_counts_and_arguments_do_not_cost_the_answer() -> None:
    call = {"toolUse": {"toolUseId": "t", "name": "f", "input": '{"a":1}'}}
    usage = {"inputTokens": 3, "outputTokens": 2, "cacheWriteInputTokens": 1, "cacheDetails": [None, {"ttl": "1h"}]}
    body = {"output": {"message": {"role": "assistant", "content": [call]}}, "stopReason": "brand_new", "usage": usage}
    reply = CONVERSE.parse_reply(body)
    assert isinstance(reply, ChatReply)
    assert reply.choices[0].message.parts == (ToolCall("t", "f", '{"a":1}'),)
    assert reply.choices[0].native_finish == "brand_new"
    assert reply.usage is not None and reply.usage.input_total == 4
