"""Every row of the table: where it is asked, with which key, and what is said differently."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

import nova_plugin_openai_compatible as pack
from nova_core.errors import AuthenticationError, BadRequestError, ConfigurationError, UnsupportedParamsError
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_plugin_openai_compatible.vendors import VENDORS

HELLO = [{"role": "user", "content": "hi"}]
BASES = {"HOSTED_VLLM_API_BASE": "http://vllm.test/v1", "LM_STUDIO_API_BASE": "http://studio.test/v1"}

WHERE = [
    ("groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), "GROQ_API_BASE"),
    ("deepseek", "https://api.deepseek.com/beta", ("DEEPSEEK_API_KEY",), "DEEPSEEK_API_BASE"),
    (
        "together_ai",
        "https://api.together.ai/v1",
        ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"),
        "TOGETHER_AI_API_BASE",
    ),
    (
        "fireworks_ai",
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
        "FIREWORKS_API_BASE",
    ),
    ("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY", "OR_API_KEY"), "OPENROUTER_API_BASE"),
    ("xai", "https://api.x.ai/v1", ("XAI_API_KEY",), "XAI_API_BASE"),
    (
        "perplexity",
        "https://api.perplexity.ai",
        ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
        "PERPLEXITY_API_BASE",
    ),
    ("cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), "CEREBRAS_API_BASE"),
    ("mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY", "MISTRAL_AZURE_API_KEY"), "MISTRAL_AZURE_API_BASE"),
]


def deployed(name: str, model: str = "some-model", environ: dict[str, str] | None = None, **fields: Any) -> Deployment:
    vendor = getattr(pack, name)
    given = Deployment("i", "public", name, model, **fields)
    base = {} if "api_base" in fields or name != "custom_openai" else {"api_base": "http://custom.test/v1"}
    given = Deployment("i", "public", name, model, **{**base, **fields})
    keys = dict.fromkeys(vendor.vendor.api_key_env[:1], "k-123456")
    complete: Deployment = vendor.complete(given, {**BASES, **keys} if environ is None else environ)
    return complete


def asked(
    name: str,
    model: str = "some-model",
    *,
    drop: bool | None = None,
    environ: dict[str, str] | None = None,
    **fields: Any,
) -> tuple[Call, Exchange]:
    body = {"model": "public", "messages": HELLO, **fields}
    request = Request("chat", OPENAI_CHAT, parse_members(json.dumps(body).encode()))
    call = Call(request, options=CallOptions(drop_params=drop))
    return call, getattr(pack, name).provider_call(call, request, deployed(name, model, environ))


def sent(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return body


def test_every_row_has_an_entry_point_and_every_entry_point_a_row():
    file = Path(__file__).resolve().parents[1] / "pyproject.toml"
    entries = tomllib.loads(file.read_text())["project"]["entry-points"]["nova.providers"]
    assert entries == {vendor.name: f"nova_plugin_openai_compatible:{vendor.name}" for vendor in VENDORS}
    for vendor in VENDORS:
        assert getattr(pack, vendor.name).providers == (vendor.name,)


def test_a_name_without_a_row_is_no_attribute():
    with pytest.raises(AttributeError, match="nobody"):
        _ = pack.nobody


@pytest.mark.parametrize(("name", "base", "keys", "base_env"), WHERE)
def test_a_vendor_is_asked_at_its_address_with_its_key(name, base, keys, base_env):
    for key in keys:
        _, exchange = asked(name, environ={key: "k-123456"})
        assert exchange.request.url == f"{base}/chat/completions"
        assert dict(exchange.request.headers)["Authorization"] == "Bearer k-123456"
    _, exchange = asked(name, environ={keys[0]: "k", base_env: "https://proxy.test/v1"})
    assert exchange.request.url == "https://proxy.test/v1/chat/completions"
    with pytest.raises(AuthenticationError, match=keys[0]):
        asked(name, environ={})


@pytest.mark.parametrize("name", ["hosted_vllm", "lm_studio", "custom_openai"])
def test_servers_of_the_operators_own_need_an_address_and_no_key(name):
    _, exchange = asked(name)
    assert exchange.request.url.endswith(".test/v1/chat/completions")
    with pytest.raises(ConfigurationError, match="api_base"):
        getattr(pack, name).complete(Deployment("i", "g", name, "m"), {})
    bare = deployed(name, environ=BASES)
    assert bare.api_key is None


@pytest.mark.parametrize("base", ["http://box:11434", "http://box:11434/", "http://box:11434/v1"])
def test_ollama_is_asked_under_v1_however_its_base_is_written(base):
    _, exchange = asked("ollama", environ={"OLLAMA_API_BASE": base})
    assert exchange.request.url == "http://box:11434/v1/chat/completions"
    assert "Authorization" not in dict(exchange.request.headers)
    _, exchange = asked("ollama", environ={})
    assert exchange.request.url == "http://localhost:11434/v1/chat/completions"


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_a_plain_chat_passes_through_every_vendor(vendor):
    _, exchange = asked(vendor.name, "org/model", temperature=0.5, top_p=0.9, stream=True)
    assert sent(exchange) == {
        "model": "org/model",
        "messages": HELLO,
        "temperature": 0.5,
        "top_p": 0.9,
        "stream": True,
    }
    assert exchange.request.stream


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_every_vendor_serves_the_operations_of_its_row(vendor):
    requests = {
        "embedding": Request("embedding", OPENAI_EMBEDDINGS, parse_members(b'{"model":"m","input":["a"]}')),
        "completion": Request("completion", OPENAI_COMPLETIONS, parse_members(b'{"model":"m","prompt":"a"}')),
    }
    for operation, request in requests.items():
        provider = getattr(pack, vendor.name)
        if operation == "embedding" and operation not in vendor.operations:
            with pytest.raises(BadRequestError, match=vendor.name):
                provider.provider_call(Call(request), request, deployed(vendor.name))
            continue
        exchange = provider.provider_call(Call(request), request, deployed(vendor.name))
        assert sent(exchange)["model"].endswith("some-model")
        assert exchange.dialect.operation == (operation if operation in vendor.operations else "chat")


@pytest.mark.parametrize("name", [vendor.name for vendor in VENDORS if "max_completion_tokens" in vendor.renames])
def test_the_new_name_of_the_token_limit_becomes_the_old_one(name):
    _, exchange = asked(name, max_completion_tokens=7)
    assert sent(exchange)["max_tokens"] == 7
    assert "max_completion_tokens" not in sent(exchange)


@pytest.mark.parametrize(
    ("name", "model", "field", "value"),
    [
        ("groq", "m", "n", 2),
        ("groq", "m", "logit_bias", {"1": 1}),
        ("deepseek", "deepseek-chat", "seed", 3),
        ("xai", "grok-3", "presence_penalty", 1),
        ("xai", "grok-4-fast", "stop", ["x"]),
        ("xai", "grok-3-mini", "stop", ["x"]),
        ("xai", "grok-code-fast-1", "frequency_penalty", 0.5),
        ("perplexity", "sonar", "tools", [{"type": "function", "function": {"name": "f"}}]),
        ("cerebras", "m", "frequency_penalty", 1),
        ("mistral", "m", "logprobs", True),
        ("ollama", "m", "tool_choice", "required"),
    ],
)
def test_what_a_vendor_cannot_do_is_refused_by_name_or_dropped(name, model, field, value):
    with pytest.raises(UnsupportedParamsError, match=f"{name} cannot express `{field}`"):
        asked(name, model, **{field: value})
    call, exchange = asked(name, model, drop=True, **{field: value})
    assert field not in sent(exchange)
    assert field in call.fidelity.dropped


@pytest.mark.parametrize(("model", "field"), [("grok-3", "stop"), ("grok-3-mini", "frequency_penalty")])
def test_a_gate_is_open_for_other_models(model, field):
    value = ["x"] if field == "stop" else 0.5
    _, exchange = asked("xai", model, **{field: value})
    assert sent(exchange)[field] == value


def test_groq_is_told_no_names_and_the_caller_is_told_so():
    call, exchange = asked("groq", messages=[{"role": "user", "content": "hi", "name": "bob"}])
    assert sent(exchange)["messages"] == HELLO
    assert call.fidelity.dropped == ("messages[0].name",)


def test_xai_gets_tools_without_strict_and_its_empty_finish_is_mended():
    schema = {"type": "object", "properties": {"strict": {"type": "boolean"}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}]
    call, exchange = asked("xai", tools=tools)
    assert sent(exchange)["tools"] == [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    assert call.fidelity.dropped == ("tools[0].function.strict",)
    tool_call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "",
                "message": {"role": "assistant", "content": None, "tool_calls": [tool_call]},
            },
            {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}},
        ],
    }
    reply = exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
    assert isinstance(reply, Reply)
    assert [choice["finish_reason"] for choice in reply.get("choices")] == ["tool_calls", "stop"]


def test_deepseek_thinks_by_type_and_is_given_its_reasoning_back():
    history = [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
        {"role": "assistant", "content": "d", "reasoning_content": "because"},
        {"role": "user", "content": "e"},
    ]
    call, exchange = asked(
        "deepseek", "deepseek-chat", messages=history, thinking={"type": "enabled", "budget_tokens": 99}
    )
    body = sent(exchange)
    assert body["thinking"] == {"type": "enabled"}
    assert call.fidelity.dropped == ("thinking.budget_tokens",)
    assert body["messages"][0]["content"] == "ab"
    assert [message.get("reasoning_content") for message in body["messages"]] == [None, " ", "because", None]
    _, exchange = asked("deepseek", "deepseek-chat", messages=history[1:])
    assert "reasoning_content" not in sent(exchange)["messages"][0]
    _, exchange = asked("deepseek", "deepseek-reasoner", messages=history[1:])
    assert sent(exchange)["messages"][0]["reasoning_content"] == " "


@pytest.mark.parametrize(("effort", "kind"), [("none", "disabled"), ("low", "enabled")])
def test_an_effort_switches_deepseeks_thinking(effort, kind):
    _, exchange = asked("deepseek", reasoning_effort=effort)
    assert sent(exchange)["thinking"] == {"type": kind}
    assert sent(exchange).get("reasoning_effort") == (None if effort == "none" else effort)


def test_fireworks_takes_thinking_or_effort_and_full_model_names():
    call, exchange = asked(
        "fireworks_ai",
        "llama-v3",
        thinking={"type": "enabled"},
        reasoning_effort="low",
        tools=[{"type": "function", "function": {"name": "f"}}],
        tool_choice="required",
    )
    body = sent(exchange)
    assert body["model"] == "accounts/fireworks/models/llama-v3"
    assert body["tool_choice"] == "any"
    assert "reasoning_effort" not in body
    assert call.fidelity.dropped == ("reasoning_effort",)
    _, exchange = asked("fireworks_ai", "accounts/me/deployedModels/x", reasoning_effort="low")
    assert sent(exchange)["reasoning_effort"] == "low"
    assert sent(exchange)["model"] == "accounts/me/deployedModels/x"


def test_openrouter_keeps_cache_marks_and_names_the_site():
    marked = [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}]
    environ = {"OR_API_KEY": "k", "OR_SITE_URL": "https://me.test", "OR_APP_NAME": "me"}
    _, exchange = asked("openrouter", environ=environ, messages=marked, transforms=["middle-out"], route="fallback")
    body = sent(exchange)
    assert body["messages"] == marked
    assert (body["transforms"], body["route"]) == (["middle-out"], "fallback")
    headers = dict(exchange.request.headers)
    assert (headers["HTTP-Referer"], headers["X-Title"]) == ("https://me.test", "me")
    own = deployed("openrouter", environ=environ, extra_headers={"x-title": "other"})
    assert own.extra_headers == {"HTTP-Referer": "https://me.test", "x-title": "other"}


def test_mistral_is_spoken_to_in_its_words():
    call_of = {"id": "1", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}}
    schema = {
        "$schema": "x",
        "type": "object",
        "additionalProperties": False,
        "properties": {"strict": {"type": "string", "$id": "y"}},
    }
    messages = [
        {"role": "user", "name": "bob", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "refusal": None, "reasoning_content": "r", "tool_calls": [call_of]},
        {"role": "tool", "tool_call_id": "1", "name": "f", "content": "ok"},
        {"role": "assistant", "content": ""},
    ]
    tools = [
        {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}},
        {"type": "function", "function": {"name": "g"}},
    ]
    call, exchange = asked(
        "mistral",
        messages=messages,
        tools=tools,
        seed=5,
        tool_choice={"type": "function", "function": {"name": "f"}},
        stream_options={"include_usage": True},
        stream=True,
    )
    body = sent(exchange)
    assert body["messages"] == [
        {"role": "user", "content": "ab"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "name": "f", "content": "ok"},
    ]
    parameters = {"type": "object", "properties": {"strict": {"type": "string"}}}
    assert body["tools"] == [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    assert body["tool_choice"] == "any"
    assert body["random_seed"] == 5
    assert "seed" not in body
    assert "stream_options" not in body
    assert "messages[0].name" in call.fidelity.dropped
    assert "messages[1].reasoning_content" in call.fidelity.dropped
    assert call.fidelity.lost == ()
    _, exchange = asked("mistral", tools=tools, tool_choice="required")
    assert sent(exchange)["tool_choice"] == "any"


def test_pictures_are_never_flattened_away():
    content = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    for name in ("mistral", "deepseek"):
        _, exchange = asked(name, messages=[{"role": "user", "content": content}])
        assert sent(exchange)["messages"][0]["content"] == content


def test_custom_servers_get_everything_as_it_came():
    fields = {
        "messages": [{"role": "user", "name": "n", "content": "a", "cache_control": {"type": "ephemeral"}}],
        "max_completion_tokens": 5,
        "n": 2,
        "logit_bias": {"1": 2},
        "store": True,
        "guided_regex": "a+",
    }
    call, exchange = asked("custom_openai", **fields)
    assert sent(exchange) == {"model": "some-model", **fields}
    assert call.fidelity.notes == ()


def chunk(finish: str | None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"


def streamed(name: str, *chunks: bytes) -> list[dict[str, Any]]:
    _, exchange = asked(name, stream=True)
    assert exchange.frames is not None
    parser = exchange.frames()
    frames = [frame for data in chunks for frame in parser.feed(data)] + parser.end()
    return [json.loads(frame.data)["choices"][0] for frame in frames if frame.data != b"[DONE]"]


def test_an_empty_finish_is_mended_in_streams_too():
    tool_call = {"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choices = streamed("xai", chunk("", role="assistant"), chunk(None, tool_calls=[tool_call]), chunk(""))
    assert [choice["finish_reason"] for choice in choices] == [None, None, "tool_calls"]
    choices = streamed("xai", chunk(None, content="a"), chunk("stop"), b"data: [DONE]\n\n")
    assert [choice["finish_reason"] for choice in choices] == [None, "stop"]


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "let me "}, {"type": "text", "text": "see"}]}


def test_thoughts_of_mistral_are_told_from_its_text():
    choices = streamed(
        "mistral", chunk(None, content=[THOUGHT]), chunk(None, content=[{"type": "text", "text": "yes"}]), chunk("stop")
    )
    assert choices[0]["delta"] == {"content": None, "reasoning_content": "let me see"}
    assert choices[1]["delta"] == {"content": "yes"}
    _, exchange = asked("mistral")
    message = {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "yes"}]}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    reply = exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
    assert isinstance(reply, Reply)
    assert reply.get("choices")[0]["message"] == {
        "role": "assistant",
        "content": "yes",
        "reasoning_content": "let me see",
    }


def test_frames_that_need_no_mending_keep_their_bytes():
    _, exchange = asked("mistral", stream=True)
    assert exchange.frames is not None
    frames = exchange.frames().feed(
        b'data: {"choices" : [{"delta":{"content":"\\u00e9"}}]}\n\ndata: {"content":[nonsense\n\n'
    )
    assert [frame.data for frame in frames] == [
        b'{"choices" : [{"delta":{"content":"\\u00e9"}}]}',
        b'{"content":[nonsense',
    ]
