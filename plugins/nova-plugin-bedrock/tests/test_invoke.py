"""InvokeModel: each family of models is asked in its own words, and its answers come back whole and streamed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from nova_core.errors import BadRequestError, ConfigurationError, RateLimitedError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, function_tool
from nova_core.testing.upstream_amazon import event_message
from nova_core.types.call import Call
from nova_core.types.chat import ChatReply, Text, Thinking, ToolCall
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_plugin_bedrock.provider import Bedrock

IMPORTED = "arn:aws:bedrock:eu-west-1:123456789012:imported-model/abc"
PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 11, "outputTokenCount": 7}}
COUNTED = {"x-amzn-bedrock-input-token-count": "11", "x-amzn-bedrock-output-token-count": "7"}
TURNS: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Ho"},
    {"role": "user", "content": "And?"},
]
SAMPLED = {"max_tokens": 50, "temperature": 0.5, "top_p": 0.9}
LLAMAS = {"max_gen_len": 50, "temperature": 0.5, "top_p": 0.9}
SAMES = {**SAMPLED, "stop": ["END"]}
VIDEO = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}


def deployment(model: str, **fields: Any) -> Deployment:
    given = {"id": "d", "group": "g", "provider": "bedrock", "model": model, "api_key": Secret("a-bearer-token")}
    return Bedrock().complete(Deployment(**{**given, **fields}), {})


def asked(model: str, request: Request, **fields: Any) -> UpstreamRequest:
    return Bedrock().provider_call(Call(request), request, deployment(model, **fields)).request


def sent(model: str, messages: list[dict[str, Any]], **members: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(asked(f"invoke/{model}", chat_request("g", messages, **members)).body or b"")
    return body


def chunks(*pieces: dict[str, Any]) -> list[bytes]:
    coded = [base64.b64encode(json.dumps(piece).encode()).decode() for piece in pieces]
    return [event_message(json.dumps({"bytes": piece}).encode(), event_type="chunk") for piece in coded]


async def answered(
    upstream: ScriptedUpstream, model: str, answer: dict[str, Any], pieces: list[dict[str, Any]], **members: Any
) -> list[ChatReply]:
    """The answer, whole and streamed."""
    upstream.script("*", json=answer, headers=COUNTED)
    upstream.script("*", sse=chunks(*pieces))
    made = deployment(f"invoke/{model}", api_base=upstream.url)
    async with bench(Bedrock(), made) as asking:
        replies = [await asking.chat(chat_request("g", stream=stream, **members)) for stream in (False, True)]
    assert [received.route.rpartition("/")[2] for received in upstream.requests] == [
        "invoke", "invoke-with-response-stream",
    ]  # fmt: skip
    return replies


@pytest.mark.parametrize(
    ("model", "members", "expected"),
    [
        (
            "amazon.titan-text-express-v1",
            SAMES,
            {
                "inputText": "Be brief.\n\nUser: Hi\nBot: Ho\nUser: And?\nBot:",
                "textGenerationConfig": {
                    "maxTokenCount": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"],
                },
            },
        ),
        (
            "us.meta.llama3-1-8b-instruct-v1:0",
            SAMPLED,
            {
                "prompt": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\nHo<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nAnd?<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n",
                **LLAMAS,
            },
        ),
        (
            "mistral.mistral-7b-instruct-v0:2",
            {**SAMES, "top_k": 5},
            {"prompt": "<s>[INST] Be brief.\n\nHi [/INST] Ho</s>[INST] And? [/INST]", **SAMES, "top_k": 5},
        ),
        (
            "us.deepseek.r1-v1:0",
            SAMES,
            {
                "prompt": "<｜begin▁of▁sentence｜>Be brief.<｜User｜>Hi<｜Assistant｜>Ho<｜end▁of▁sentence｜>"
                "<｜User｜>And?<｜Assistant｜><think>\n",
                **SAMES,
            },
        ),
        (
            f"qwen2/{IMPORTED}",
            {**SAMPLED, "stop": "END"},
            {
                "prompt": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
                "<|im_start|>assistant\nHo<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n",
                **LLAMAS,
                "stop": ["END"],
            },
        ),
        (
            "cohere.command-r-plus-v1:0",
            {**SAMES, "top_k": 5, "documents": [{"title": "t"}]},
            {
                "message": "And?", "preamble": "Be brief.",
                "chat_history": [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Ho"}],
                "max_tokens": 50, "temperature": 0.5, "p": 0.9, "k": 5, "stop_sequences": ["END"],
                "documents": [{"title": "t"}],
            },
        ),
        ("openai.gpt-oss-20b-1:0", {**SAMPLED, "reasoning_effort": "low"}, {
            "messages": TURNS, "max_completion_tokens": 50, "temperature": 0.5, "top_p": 0.9, "reasoning_effort": "low",
        }),
        ("mistral.mistral-large-2407-v1:0", {"tools": [function_tool("f")], "tool_choice": "required"}, {
            "messages": TURNS, "tools": [function_tool("f")], "tool_choice": "any", "max_tokens": 100,
        }),
        ("ai21.jamba-1-5-mini-v1:0", {**SAMES, "n": 2}, {"messages": TURNS, **SAMES, "n": 2}),
        ("us.amazon.nova-lite-v1:0", {**SAMES, "top_k": 5}, {
            "schemaVersion": "messages-v1",
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "Hi"}]},
                {"role": "assistant", "content": [{"text": "Ho"}]},
                {"role": "user", "content": [{"text": "And?"}]},
            ],
            "inferenceConfig": {
                "maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"], "topK": 5,
            },
        }),
    ],
)  # fmt: skip
def test_each_family_is_told_a_conversation_in_its_own_words(
    model: str, members: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert sent(model, TURNS, **members) == expected


TEXTS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "amazon.titan-text-lite-v1": (
        {"inputTextTokenCount": 4, "results": [{"tokenCount": 2, "outputText": "Yes.", "completionReason": "FINISH"}]},
        [
            {"index": 0, "outputText": "Ye", "completionReason": None},
            {"index": 0, "outputText": "s.", "completionReason": "FINISH", **METRICS},
        ],
    ),
    "meta.llama3-70b-instruct-v1:0": (
        {"generation": "Yes.", "prompt_token_count": 4, "generation_token_count": 2, "stop_reason": "stop"},
        [
            {"generation": "Ye", "prompt_token_count": 4, "generation_token_count": 1, "stop_reason": None},
            {"generation": "s.", "generation_token_count": 2, "stop_reason": "stop", **METRICS},
        ],
    ),
    "mistral.mixtral-8x7b-instruct-v0:1": (
        {"outputs": [{"text": "Yes.", "stop_reason": "stop"}]},
        [
            {"outputs": [{"text": "Ye", "stop_reason": None}]},
            {"outputs": [{"text": "s.", "stop_reason": "stop"}], **METRICS},
        ],
    ),
    "cohere.command-light-text-v14": (
        {"generations": [{"finish_reason": "COMPLETE", "id": "i", "text": "Yes."}], "id": "i", "prompt": "p"},
        [{"text": "Ye", "is_finished": False}, {"text": "s.", "is_finished": False},
         {"is_finished": True, "finish_reason": "COMPLETE", **METRICS}],
    ),
    "cohere.command-r-v1:0": (
        {"text": "Yes.", "generation_id": "i", "finish_reason": "COMPLETE", "chat_history": []},
        [
            {"event_type": "text-generation", "text": "Ye"},
            {"event_type": "text-generation", "text": "s."},
            {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"text": "Yes."}, **METRICS},
        ],
    ),
    "ai21.jamba-1-5-large-v1:0": (
        {"id": "i", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."},
                                 "finish_reason": "stop"}]},
        [
            {"id": "i", "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]},
            {"id": "i", "choices": [{"index": 0, "delta": {"content": "Yes."}, "finish_reason": None}]},
            {"id": "i", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **METRICS},
        ],
    ),
    "mistral.mistral-large-2407-v1:0": (
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "stop_reason": "stop"}]},
        [
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Ye"}, "stop_reason": None}]},
            {"choices": [{"index": 0, "message": {"content": "s."}, "stop_reason": "stop"}], **METRICS},
        ],
    ),
    "amazon.nova-micro-v1:0": (
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "Yes."}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 6, "outputTokens": 7, "totalTokens": 18, "cacheReadInputTokenCount": 5},
        },
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Yes."}, "contentBlockIndex": 0}},
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 6, "outputTokens": 7, "cacheReadInputTokenCount": 5}}, **METRICS},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", TEXTS)
async def test_answers_come_back_whole_and_streamed(model: str, upstream: ScriptedUpstream) -> None:
    for reply in await answered(upstream, model, *TEXTS[model]):
        assert reply.text == "Yes."
        assert reply.choices[0].finish == "stop"
        assert reply.usage is not None
        assert (reply.usage.input_total, reply.usage.output_total) == (11, 7)


@pytest.mark.parametrize(
    ("model", "before", "answer"),
    [
        (
            "us.deepseek.r1-v1:0",
            "Hm.\n</think>\n\nYes.",
            lambda text, end: {"choices": [{"text": text, "stop_reason": end}]},
        ),
        ("openai.gpt-oss-120b-1:0", "<reasoning>Hm.</reasoning>Yes.", None),
        (
            f"deepseek_r1/{IMPORTED}",
            "<think>\nHm.</think>Yes.",
            lambda text, end: {"generation": text, "stop_reason": end},
        ),
    ],
)  # fmt: skip
async def test_thoughts_are_told_from_the_answer(
    model: str, before: str, answer: Any, upstream: ScriptedUpstream
) -> None:
    def of_chat(part: str, text: str, end: str | None) -> dict[str, Any]:
        return {"choices": [{"index": 0, part: {"content": text}, "finish_reason": end}]}

    middle = len(before) // 2
    if answer is None:
        whole = of_chat("message", before, "stop")
        pieces = [of_chat("delta", before[:middle], None), of_chat("delta", before[middle:], "stop")]
    else:
        whole, pieces = answer(before, "stop"), [answer(before[:middle], None), answer(before[middle:], "stop")]
    for reply in await answered(upstream, model, whole, pieces):
        assert reply.choices[0].message.parts == (Thinking("Hm."), Text("Yes."))


async def test_command_r_calls_tools_and_is_told_what_they_answered(upstream: ScriptedUpstream) -> None:
    called = {"text": "", "finish_reason": "COMPLETE", "tool_calls": [{"name": "look", "parameters": {"at": "it"}}]}
    pieces = [
        {"event_type": "stream-start"},
        {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": called},
    ]
    tools = [function_tool("look", at={"type": "integer", "description": "where"})]
    for reply in await answered(upstream, "cohere.command-r-v1:0", called, pieces, tools=tools):
        (call,) = reply.choices[0].message.parts
        assert isinstance(call, ToolCall)
        assert (call.name, call.arguments, reply.choices[0].finish) == ("look", '{"at":"it"}', "tool_calls")
    (tool,) = upstream.last.json["tools"]
    assert tool["parameter_definitions"] == {"at": {"description": "where", "type": "int", "required": True}}
    made = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":"it"}'}}
    body = sent(
        "cohere.command-r-v1:0",
        [
            {"role": "user", "content": "See?"},
            {"role": "assistant", "tool_calls": [made]},
            {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        ],
        tools=tools,
    )
    assert body["message"] == "See?"
    assert body["tool_results"] == [
        {"call": {"name": "look", "parameters": {"at": "it"}}, "outputs": [{"text": "a cat"}]},
    ]  # fmt: skip


async def test_pegasus_is_asked_about_a_video(upstream: ScriptedUpstream) -> None:
    schema = {"type": "object", "properties": {}}
    told = [{"role": "user", "content": [{"type": "text", "text": "What happens?"}, VIDEO]}]
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    pieces = [{"message": "A ", "stopReason": ""}, {"message": "cat.", "stopReason": "length", **METRICS}]
    upstream.script("*", json={"message": "A cat.", "finishReason": "length"}, headers=COUNTED)
    upstream.script("*", sse=chunks(*pieces))
    async with bench(Bedrock(), deployment("us.twelvelabs.pegasus-1-2-v1:0", api_base=upstream.url)) as asking:
        for stream in (False, True):
            request = chat_request("g", told, stream=stream, max_tokens=9, response_format=wanted)
            reply = await asking.chat(request)
            assert (reply.text, reply.choices[0].finish) == ("A cat.", "length")
            assert reply.usage is not None and reply.usage.output == 7
    assert upstream.last.json == {
        "inputPrompt": "What happens?", "mediaSource": {"base64String": "AAAA"}, "maxOutputTokens": 9,
        "responseFormat": {"jsonSchema": schema},
    }  # fmt: skip
    stored = {"type": "video_url", "video_url": {"url": "s3://bucket/a.mp4"}}
    body = sent("twelvelabs.pegasus-1-2-v1:0", [{"role": "user", "content": [stored]}])
    assert body["mediaSource"] == {"s3Location": {"uri": "s3://bucket/a.mp4"}}
    with pytest.raises(BadRequestError, match="video"):
        sent("twelvelabs.pegasus-1-2-v1:0", [{"role": "user", "content": "What?"}])


@pytest.mark.parametrize(
    ("model", "members", "name"),
    [
        ("meta.llama3-8b-instruct-v1:0", {"stop": ["END"]}, "stop"),
        ("meta.llama3-8b-instruct-v1:0", {"tools": [function_tool("f")]}, "tools"),
        ("amazon.titan-text-lite-v1", {"seed": 7}, "seed"),
        ("amazon.titan-text-lite-v1", {"reasoning_effort": "high"}, "reasoning_effort"),
        ("cohere.command-r-v1:0", {"n": 2}, "n"),
        ("ai21.jamba-1-5-mini-v1:0", {"logprobs": True}, "logprobs"),
        ("twelvelabs.pegasus-1-2-v1:0", {"top_p": 0.5}, "top_p"),
        ("amazon.nova-2-lite-v1:0", {"response_format": {"type": "json_schema", "json_schema": {
            "name": "n", "schema": {"type": "object"}}}}, "response_format"),
    ],
)  # fmt: skip
def test_what_a_family_cannot_be_told_is_refused_by_name(model: str, members: dict[str, Any], name: str) -> None:
    content: Any = [VIDEO] if "pegasus" in model else "Hi"
    with pytest.raises(UnsupportedParamsError, match=f"`{name}`"):
        sent(model, [{"role": "user", "content": content}], **members)


@pytest.mark.parametrize(
    "model", ["meta.llama3-8b-instruct-v1:0", "amazon.nova-lite-v1:0", "anthropic.claude-opus-4-8"]
)
def test_what_governs_a_request_is_said_in_headers_that_the_vendor_knows(model: str) -> None:
    from botocore.session import Session

    guardrail = {"guardrailIdentifier": "g1", "guardrailVersion": "2", "trace": "enabled", "tagSuffix": "x"}
    request = chat_request(
        "g", guardrailConfig=guardrail, performanceConfig={"latency": "optimized"}, serviceTier={"type": "flex"},
        requestMetadata={"team": "a"}, max_tokens=9,
    )  # fmt: skip
    messages = Request("chat", ANTHROPIC_MESSAGES, {
        "model": "g", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "guardrailConfig": guardrail,
    })  # fmt: skip
    shape = Session().get_service_model("bedrock-runtime").operation_model("InvokeModel").input_shape
    known = {member.serialization.get("name", "").lower() for member in shape.members.values()}
    for said in (request, messages):
        made = asked(f"invoke/{model}", said)
        headers = {name.lower(): value for name, value in made.headers if name.startswith("X-Amzn-Bedrock-")}
        assert headers.keys() <= known
        assert headers["x-amzn-bedrock-guardrailidentifier"] == "g1"
        assert headers["x-amzn-bedrock-trace"] == "ENABLED"
        body = json.loads(made.body or b"")
        assert body["amazon-bedrock-guardrailConfig"] == {"tagSuffix": "x"}
        assert not {"guardrailConfig", "performanceConfig", "serviceTier", "requestMetadata"} & body.keys()


def test_a_tier_by_openais_name_is_a_header_too() -> None:
    for tier, said in (("flex", "flex"), ("auto", "default")):
        made = asked("invoke/meta.llama3-8b-instruct-v1:0", chat_request("g", service_tier=tier))
        assert dict(made.headers)["X-Amzn-Bedrock-Service-Tier"] == said
        assert b"tier" not in (made.body or b"")


async def test_an_answer_that_a_guardrail_replaced_is_a_filtered_one(upstream: ScriptedUpstream) -> None:
    whole = {"generation": "Sorry.", "stop_reason": "stop", "amazon-bedrock-guardrailAction": "INTERVENED"}
    for reply in await answered(upstream, "meta.llama3-8b-instruct-v1:0", whole, [whole]):
        assert reply.choices[0].finish == "content_filter"


async def test_an_exception_in_a_stream_is_the_error_that_it_names(upstream: ScriptedUpstream) -> None:
    exception = {":message-type": "exception", "message_type": "exception", "exception_type": "throttlingException"}
    upstream.script("*", sse=[event_message(b'{"message":"slow down"}', **exception)])
    async with bench(Bedrock(), deployment("invoke/meta.llama3-8b-instruct-v1:0", api_base=upstream.url)) as asking:
        with pytest.raises(RateLimitedError, match="slow down"):
            await asking.chat(chat_request("g", stream=True))


def test_an_operators_template_comes_before_the_familys() -> None:
    settings = {
        "roles": {"user": {"pre_message": "Q: ", "post_message": "\n"}}, "final_prompt_value": "A:", "bos_token": "^",
    }  # fmt: skip
    made = asked(f"llama/{IMPORTED}", chat_request("g", "Hi"), settings=settings)
    assert json.loads(made.body or b"") == {"prompt": "^Q: Hi\nA:", "max_gen_len": 100}
    for wrong in ({"roles": {"user": "Q: "}}, {"initial_prompt_value": 7}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            deployment(f"llama/{IMPORTED}", settings=wrong)


@pytest.mark.parametrize(
    ("model", "action"),
    [
        (f"llama/{IMPORTED}", "invoke"),
        (f"openai/{IMPORTED}", "invoke"),
        (f"invoke/mistral/{PROFILE}", "invoke"),
        (IMPORTED, "converse"),
        (f"converse/llama/{IMPORTED}", "converse"),
        (f"llama/{PROFILE}", "converse"),
        ("meta.llama3-8b-instruct-v1:0", "converse"),
    ],
)
def test_imported_models_of_a_known_kind_are_invoked_and_the_others_conversed_with(model: str, action: str) -> None:
    url = asked(model, chat_request("g")).url
    assert url.endswith(f"/{action}")
    assert "%3Aimported-model%2Fabc/" in url or "imported-model" not in model
