"""What vendors of the table are told differently."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from nova_core.errors import ConfigurationError, UnsupportedParamsError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.types.message import Request
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_plugin_openai_compatible.provider import VendorProvider
from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.schemas import with_inlined_refs

from .vendors_asked import HELLO, asked, deployed, replied, sent, vendor_named


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
        ("mistral", "m", "logit_bias", {"1": 2}),
        ("xai", "grok-4-0709", "reasoning_effort", "low"),
        ("moonshot", "kimi-k2.6", "temperature", 0.3),
        ("deepseek", "m", "response_format", {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}),
        ("meta_llama", "m", "response_format", {"type": "json_object"}),
        ("zai", "glm-5", "tool_choice", "required"),
        ("zai", "glm-5", "tool_choice", {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_what_a_vendor_cannot_do_is_refused_by_name_or_dropped(name, model, field, value):
    with pytest.raises(UnsupportedParamsError, match=f"{name} cannot express `{field}`"):
        asked(name, model, **{field: value})
    call, exchange = asked(name, model, drop=True, **{field: value})
    assert field not in sent(exchange)
    assert field in call.fidelity.dropped


@pytest.mark.parametrize(
    ("model", "field"), [("grok-3", "stop"), ("grok-3-mini", "frequency_penalty"), ("grok-4.5", "reasoning_effort")]
)
def test_a_gate_is_open_for_other_models(model, field):
    value = {"stop": ["x"], "frequency_penalty": 0.5, "reasoning_effort": "low"}[field]
    _, exchange = asked("xai", model, **{field: value})
    assert sent(exchange)[field] == value


def test_a_caller_is_told_that_a_vendor_is_told_otherwise():
    call, exchange = asked("parasail", store=True)
    assert sent(exchange)["store"] is False
    assert call.fidelity.dropped == ("store",)
    assert asked("parasail", store=False)[0].fidelity.dropped == ()


def test_groq_is_told_no_names_and_the_caller_is_told_so():
    call, exchange = asked("groq", messages=[{"role": "user", "content": "hi", "name": "bob"}])
    assert sent(exchange)["messages"] == HELLO
    assert call.fidelity.dropped == ("messages[0].name",)


def test_xai_gets_tools_without_strict():
    schema = {"type": "object", "properties": {"strict": {"type": "boolean"}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}]
    call, exchange = asked("xai", tools=tools)
    assert sent(exchange)["tools"] == [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    assert call.fidelity.dropped == ("tools[0].function.strict",)


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
    call_of = {"id": "a1B2c3D4e", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}}
    schema = {
        "$schema": "x",
        "type": "object",
        "additionalProperties": False,
        "properties": {"strict": {"type": "string", "$id": "y"}},
    }
    messages = [
        {"role": "user", "name": "bob", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "refusal": None, "reasoning_content": "r", "tool_calls": [call_of]},
        {"role": "tool", "tool_call_id": "a1B2c3D4e", "name": "f", "content": "ok"},
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
            "tool_calls": [{"id": "a1B2c3D4e", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a1B2c3D4e", "name": "f", "content": "ok"},
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


def test_calls_of_other_vendors_files_and_prefixes_are_said_as_mistral_has_them():
    call_of = {"id": "call_abcdefghijklmnop", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    pdf = "data:application/pdf;base64,JVBERi0="
    content = [
        {"type": "text", "text": "Read"},
        {"type": "file", "file": {"file_data": pdf, "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "f-1"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]
    messages = [
        {"role": "user", "content": content},
        {"role": "assistant", "content": None, "tool_calls": [call_of]},
        {"role": "tool", "tool_call_id": "call_abcdefghijklmnop", "content": "ok"},
        {"role": "assistant", "content": "It says"},
    ]
    _, exchange = asked("mistral", messages=messages)
    user, calling, result, last = sent(exchange)["messages"]
    assert user["content"] == [
        {"type": "text", "text": "Read"},
        {"type": "document_url", "document_url": pdf, "document_name": "a.pdf"},
        {"type": "file", "file_id": "f-1"},
        {"type": "input_audio", "input_audio": "UklGRg=="},
    ]
    found = calling["tool_calls"][0]["id"]
    assert re.fullmatch("[a-z0-9]{9}", found)
    assert result["tool_call_id"] == found
    assert last == {"role": "assistant", "content": "It says", "prefix": True}


@pytest.mark.parametrize(
    ("model", "wish", "said"),
    [
        ("mistral-medium-3.5", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ("mistral-medium-3.5", {"thinking": {"type": "enabled", "budget_tokens": 99}}, {"reasoning_effort": "high"}),
        ("mistral-medium-3.5", {"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}),
        ("mistral-small-latest", {"reasoning_effort": "low"}, {"reasoning_effort": "high"}),
        ("mistral-small-latest", {"reasoning_effort": "minimal"}, {"reasoning_effort": "none"}),
        ("mistral-large-4-0", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        ("mistral-large-4-0", {"reasoning_effort": "max"}, {"reasoning_effort": "high"}),
        ("magistral-medium-latest", {"reasoning_effort": "low"}, {"prompt_mode": "reasoning"}),
        ("magistral-medium-latest", {"reasoning_effort": "none"}, {}),
    ],
)
def test_mistral_thinks_by_effort_or_by_its_prompt(model: str, wish: dict[str, Any], said: dict[str, Any]):
    _, exchange = asked("mistral", model, **wish)
    body = sent(exchange)
    names = ("thinking", "reasoning_effort", "prompt_mode")
    assert {name: body[name] for name in names if name in body} == said


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


@pytest.mark.parametrize(
    ("name", "model", "url", "told"),
    [
        ("baseten", "abcd1234", "https://model-abcd1234.api.baseten.co/environments/production/sync/v1", "abcd1234"),
        ("baseten", "deepseek-ai/v3", "https://inference.baseten.co/v1", "deepseek-ai/v3"),
        (
            "clarifai",
            "openai.chat-completion.gpt-oss-120b",
            "https://api.clarifai.com/v2/ext/openai/v1",
            "https://clarifai.com/openai/chat-completion/models/gpt-oss-120b",
        ),
        ("ragflow", "chat/c1/m/x", "http://localhost:9380/api/v1/chats_openai/c1", "m/x"),
        ("ragflow", "agent/a1/m", "http://localhost:9380/api/v1/agents_openai/a1", "m"),
        ("fireworks_ai", "llama", "https://api.fireworks.ai/inference/v1", "accounts/fireworks/models/llama"),
        ("fireworks_ai", "accounts/me/x", "https://api.fireworks.ai/inference/v1", "accounts/me/x"),
    ],
)
def test_the_models_name_says_where_and_what(name, model, url, told):
    _, exchange = asked(name, model)
    assert exchange.request.url == f"{url}/chat/completions"
    assert sent(exchange)["model"] == told


def test_an_address_that_the_operator_gives_is_asked_whatever_the_models_name():
    elsewhere = deployed("baseten", "abcd1234", api_base="https://proxy.test/v1")
    assert vendor_named("baseten").url(elsewhere, "chat") == "https://proxy.test/v1/chat/completions"


@pytest.mark.parametrize(
    ("name", "base", "shaped"),
    [
        ("mistral", "https://east.test", "https://east.test/v1"),
        ("mistral", "https://east.test/v1/", "https://east.test/v1"),
        ("mistral", "https://east.test/odd/chat/completions", "https://east.test/odd/chat/completions"),
        ("datarobot", "https://dr.test", "https://dr.test/api/v2/genai/llmgw"),
        ("datarobot", "https://dr.test/api/v2", "https://dr.test/api/v2/genai/llmgw"),
        ("datarobot", "https://dr.test/api/v2/deployments/1", "https://dr.test/api/v2/deployments/1"),
        ("gradient_ai", "https://inference.do-ai.run", "https://inference.do-ai.run/v1"),
        ("gradient_ai", "https://x.agents.do-ai.run", "https://x.agents.do-ai.run/api/v1"),
        ("heroku", "https://us.inference.heroku.com", "https://us.inference.heroku.com/v1"),
    ],
)
def test_bases_are_put_in_shape(name, base, shaped):
    assert deployed(name, api_base=base).api_base == shaped


def test_an_address_with_variables_is_filled_from_the_environment_or_the_deployment():
    bare = Deployment("i", "g", "regional", "m")
    provider = VendorProvider(Vendor("regional", "https://api.{REGION_NAME|REGION}.test/v1"))
    for name in ("REGION_NAME", "REGION"):
        assert provider.complete(bare, {name: "eu-1"}).api_base == "https://api.eu-1.test/v1"
    assert "region_name" in provider.settings_keys
    own = Deployment("i", "g", "regional", "m", settings={"region_name": "us-2"})
    assert provider.complete(own, {"REGION": "eu-1"}).api_base == "https://api.us-2.test/v1"
    with pytest.raises(ConfigurationError, match="REGION_NAME or REGION"):
        provider.complete(bare, {})


THINKING = {"type": "enabled", "budget_tokens": 99}


@pytest.mark.parametrize(
    ("name", "asking", "said"),
    [
        ("zai", {"thinking": THINKING}, {"thinking": {"type": "enabled"}}),
        ("zai", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("minimax", {"thinking": THINKING, "reasoning_effort": "low"}, {"thinking": {"type": "adaptive"}}),
        ("moonshot", {"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
        ("moonshot", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        ("dashscope", {"thinking": THINKING}, {"enable_thinking": True, "thinking_budget": 99}),
        ("dashscope", {"reasoning_effort": "none"}, {"enable_thinking": False}),
        (
            "hosted_vllm",
            {"thinking": {"type": "disabled"}, "chat_template_kwargs": {"x": 1}},
            {"chat_template_kwargs": {"thinking": False, "enable_thinking": False, "x": 1}},
        ),
        ("hosted_vllm", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        ("openrouter", {"thinking": THINKING}, {"reasoning": {"max_tokens": 99}}),
        ("openrouter", {"thinking": {"type": "disabled"}}, {"reasoning": {"enabled": False}}),
        (
            "openrouter",
            {"thinking": {"type": "adaptive"}, "reasoning_effort": "high"},
            {"reasoning": {"effort": "high"}},
        ),
        ("openrouter", {"thinking": {"type": "enabled"}}, {"reasoning": {"enabled": True}}),
        ("openrouter", {"reasoning": {"exclude": True}}, {"reasoning": {"exclude": True}}),
        ("poe", {"thinking": THINKING}, {"thinking": THINKING}),
    ],
)
def test_thinking_is_asked_for_in_the_vendors_words(name, asking, said):
    call, exchange = asked(name, **asking)
    body = sent(exchange)
    plain = {"model": "some-model", "messages": HELLO, **vendor_named(name).vendor.defaults}
    assert body == {**plain, **said}
    lost = "budget_tokens" in asking.get("thinking", {}) and "budget_tokens" not in str(said) and "99" not in str(said)
    assert call.fidelity.dropped == (("thinking.budget_tokens",) if lost else ())


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [("scx-ai", 2, 1.99), ("minimax", 0, 0.01), ("moonshot", 1.5, 1), ("zai", 2, 1)],
)
def test_a_temperature_beyond_what_is_taken_is_sent_as_the_nearest_and_noted(name, given, taken):
    call, exchange = asked(name, temperature=given)
    assert sent(exchange)["temperature"] == taken
    assert call.fidelity.of(Fate.APPROXIMATED) == ("temperature",)
    call, exchange = asked(name, temperature=0.5)
    assert sent(exchange)["temperature"] == 0.5
    assert call.fidelity.notes == ()


def test_parasail_is_told_to_store_nothing_whatever_the_caller_says():
    _, exchange = asked("parasail", store=True)
    assert sent(exchange)["store"] is False


def test_minimax_splits_its_thoughts_unless_the_caller_says_otherwise():
    _, exchange = asked("minimax", reasoning_split=False, max_tokens=5)
    assert sent(exchange)["reasoning_split"] is False
    assert sent(exchange)["max_completion_tokens"] == 5


def test_a_tool_that_must_be_called_is_asked_of_moonshot_in_words():
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    call, exchange = asked("moonshot", tools=tools, tool_choice="required")
    body = sent(exchange)
    assert body["messages"][:-1] == HELLO
    assert body["messages"][-1]["role"] == "user"
    assert "tool_choice" not in body
    assert call.fidelity.of(Fate.APPROXIMATED) == ("tool_choice",)
    _, exchange = asked("moonshot", tools=tools, tool_choice={"type": "function", "function": {"name": "g"}})
    assert sent(exchange)["tools"] == tools[1:]
    assert len(sent(exchange)["messages"]) == 2
    _, exchange = asked("moonshot", tools=tools, tool_choice="auto")
    assert sent(exchange) == {"model": "some-model", "messages": HELLO, "tools": tools, "tool_choice": "auto"}


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
STRUCTURED = {"type": "json_schema", "json_schema": {"name": "place", "description": "A place.", "schema": SCHEMA}}


def test_groq_models_without_schemas_are_asked_through_a_tool():
    _, exchange = asked("groq", "llama-3.3-70b-versatile", response_format=STRUCTURED)
    body = sent(exchange)
    assert "response_format" not in body
    (tool,) = body["tools"]
    assert tool["function"]["parameters"] == SCHEMA
    assert tool["function"]["description"] == "A place."
    assert body["tool_choice"]["function"]["name"] == tool["function"]["name"]
    for model in ("openai/gpt-oss-120b", "moonshotai/kimi-k2-instruct-0905", "meta-llama/llama-4-scout"):
        _, exchange = asked("groq", model, response_format=STRUCTURED)
        assert sent(exchange)["response_format"] == STRUCTURED
    _, exchange = asked("groq", "llama-3.3-70b-versatile", response_format={"type": "json_object"})
    assert sent(exchange)["response_format"] == {"type": "json_object"}


def test_a_schema_beside_tools_is_refused_where_it_would_need_the_tools():
    tools = [{"type": "function", "function": {"name": "f"}}]
    with pytest.raises(UnsupportedParamsError, match="response_format"):
        asked("groq", "llama-3.3-70b-versatile", response_format=STRUCTURED, tools=tools)
    call, exchange = asked("groq", "llama-3.3-70b-versatile", drop=True, response_format=STRUCTURED, tools=tools)
    assert sent(exchange)["tools"] == tools
    assert call.fidelity.dropped == ("response_format",)


LONG = "look_up_the_weather_of_a_city_and_of_everything_around_it_for_the_next_days"


def test_long_names_of_tools_are_shortened_everywhere():
    called = {"id": "1", "type": "function", "function": {"name": LONG, "arguments": "{}"}}
    _, exchange = asked(
        "deepseek",
        "deepseek-chat",
        messages=[
            *HELLO,
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "1", "name": LONG, "content": LONG},
        ],
        tools=[{"type": "function", "function": {"name": LONG, "parameters": {"properties": {"name": {}}}}}],
        tool_choice={"type": "function", "function": {"name": LONG}},
    )
    body = sent(exchange)
    short = body["tools"][0]["function"]["name"]
    assert len(short) == 64
    assert short.startswith(LONG[:40])
    assert body["tool_choice"]["function"]["name"] == short
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == short
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "1", "name": short, "content": LONG}
    _, exchange = asked("poe", tools=[{"type": "function", "function": {"name": LONG}}])
    assert sent(exchange)["tools"][0]["function"]["name"] == LONG


def test_references_in_schemas_are_replaced_by_what_they_mean():
    schema = {
        "type": "object",
        "properties": {"from": {"$ref": "#/$defs/Place", "description": "where"}, "$ref": {"type": "string"}},
        "$defs": {"Place": {"properties": {"at": {"$ref": "#/$defs/Point"}}}, "Point": {"type": "number"}},
    }
    _, exchange = asked("mistral", tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])
    assert sent(exchange)["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "from": {"properties": {"at": {"type": "number"}}, "description": "where"},
            "$ref": {"type": "string"},
        },
    }


@pytest.mark.parametrize(
    "definitions",
    [
        {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}},
        {f"D{n}": {"anyOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 2} for n in range(40)}
        | {"D40": {}, "A": {"$ref": "#/$defs/D0"}},
    ],
    ids=["without end", "too large"],
)
def test_schemas_that_cannot_be_written_out_are_left_as_they_are(definitions: dict[str, Any]):
    schema = {"$ref": "#/$defs/A", "$defs": definitions}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}, "no tool"]
    assert json.dumps(with_inlined_refs(tools)) == json.dumps(tools)


def test_usage_and_sources_of_other_places_are_the_callers():
    _, exchange = asked("moonshot")
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "cached_tokens": 4}
    reply = replied(exchange, {"content": "x"}, usage=usage)
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.cache_read) == (5, 4)


def test_mistral_is_given_its_own_thoughts_back_and_no_others():
    thought = {"role": "assistant", "content": "4", "reasoning_content": "2 and 2"}
    signed = {**thought, "thinking_blocks": [{"type": "thinking", "thinking": "2 and 2", "signature": "abc"}]}
    call, exchange = asked("mistral", "mistral-small-latest", messages=[*HELLO, thought, *HELLO, signed, *HELLO])
    said = [message["content"] for message in sent(exchange)["messages"]]
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "2 and 2"}]}
    assert said == ["hi", [part, {"type": "text", "text": "4"}], "hi", "4", "hi"]
    assert set(call.fidelity.dropped) == {"messages[3].reasoning_content", "messages[3].thinking_blocks"}
    _, exchange = asked("mistral", "mistral-large-2512", messages=[*HELLO, thought, *HELLO])
    assert sent(exchange)["messages"][1] == {"role": "assistant", "content": "4"}


@pytest.mark.parametrize(
    ("name", "role"), [("deepseek", "system"), ("together_ai", "system"), ("openrouter", "developer")]
)
def test_developers_speak_as_the_system_where_their_role_is_not_known(name: str, role: str):
    said = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": 'say "developer"'}]
    call, exchange = asked(name, messages=said)
    assert sent(exchange)["messages"] == [{**said[0], "role": role}, said[1]]
    assert not call.fidelity.dropped
    assert [note.field for note in call.fidelity.notes] == (["messages[0].role"] if role == "system" else [])


@pytest.mark.parametrize("name", ["mistral", "deepseek", "groq", "cerebras"])
def test_a_role_that_is_no_text_is_left_for_the_vendor_to_refuse(name: str):
    said = [{"role": ["user"], "content": "hi"}]
    _, exchange = asked(name, messages=said, reasoning_effort={"effort": "low"})
    assert sent(exchange)["messages"] == said


@pytest.mark.parametrize(("name", "replayed"), [("deepseek", "2 and 2"), ("zai", "2 and 2"), ("together_ai", None)])
def test_thoughts_go_back_to_vendors_that_want_them_whatever_the_caller_speaks(name: str, replayed: str | None):
    said = [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "2 and 2"}]},
        {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "4"},
    ]
    request = Request("chat", OPENAI_RESPONSES, {"model": "public", "input": said})
    call = Call(request)
    exchange = vendor_named(name).provider_call(call, request, deployed(name, "a-model"))
    assert sent(exchange)["messages"][1].get("reasoning_content") == replayed
    assert call.fidelity.dropped == (() if replayed else ("input[1]",))


def test_free_text_of_an_earlier_call_is_an_argument_where_there_are_only_functions():
    free = {"id": "abcdefghi", "type": "custom", "custom": {"name": "run", "input": "ls"}}
    _, exchange = asked("mistral", messages=[*HELLO, {"role": "assistant", "tool_calls": [free]}])
    (call,) = sent(exchange)["messages"][1]["tool_calls"]
    assert call == {"id": "abcdefghi", "type": "function", "function": {"name": "run", "arguments": '{"input":"ls"}'}}


@pytest.mark.parametrize(
    ("model", "asked_for", "said"),
    [
        ("groq/qwen/qwen3-32b", "high", "default"),
        ("groq/qwen/qwen3-32b", "none", "none"),
        ("groq/openai/gpt-oss-120b", "minimal", "low"),
        ("groq/openai/gpt-oss-120b", "xhigh", "high"),
        ("xai/grok-3-mini", "medium", "low"),
        ("xai/grok-4.5", "none", "low"),
        ("xai/grok-4.3", "none", "none"),
        ("xai/grok-4.5", "max", "high"),
        ("groq/llama-3.3-70b", "high", "high"),
    ],
)
def test_the_nearest_effort_that_a_model_takes_is_sent_and_noted(model, asked_for, said):
    name, _, model = model.partition("/")
    call, exchange = asked(name, model, reasoning_effort=asked_for)
    assert sent(exchange)["reasoning_effort"] == said
    assert call.fidelity.of(Fate.APPROXIMATED) == (() if said == asked_for else ("reasoning_effort",))


def test_mistral_and_groq_keep_what_they_take_of_openais_members():
    members = {"metadata": {"a": "b"}, "prompt_cache_key": "k", "service_tier": "default"}
    call, exchange = asked("mistral", **members)
    body = sent(exchange)
    assert {name: body.get(name) for name in members} == {**members, "service_tier": "standard_only"}
    assert call.fidelity.dropped == ()
    assert sent(asked("groq", service_tier="default")[1])["service_tier"] == "on_demand"


@pytest.mark.parametrize("name", ["groq", "mistral"])
def test_strict_vendors_get_no_members_that_they_would_refuse(name):
    answered = {"role": "assistant", "content": "yes", "refusal": None, "annotations": [{"type": "x"}], "audio": None}
    said = [*HELLO, answered, *HELLO]
    newer = {"verbosity": "low", "safety_identifier": "s", "prompt_cache_options": {"mode": "explicit"}}
    call, exchange = asked(name, messages=said, **newer)
    body = sent(exchange)
    assert body["messages"] == [*HELLO, {"role": "assistant", "content": "yes"}, *HELLO]
    assert not newer.keys() & body.keys()
    assert {*newer, "messages[1].annotations"} <= {*call.fidelity.dropped}


@pytest.mark.parametrize("name", ["mistral", "openrouter", "together_ai", "fireworks_ai", "groq"])
def test_top_k_of_other_dialects_reaches_the_vendors_that_have_it(name):
    contents = [{"role": "user", "parts": [{"text": "hi"}]}]
    members = {"model": "public", "contents": contents, "generationConfig": {"topK": 7}}
    request = Request("chat", GEMINI_GENERATE, members)
    if name == "groq":
        with pytest.raises(UnsupportedParamsError, match="topK"):
            vendor_named(name).provider_call(Call(request), request, deployed(name))
    else:
        assert sent(vendor_named(name).provider_call(Call(request), request, deployed(name)))["top_k"] == 7


@pytest.mark.parametrize(
    "members",
    [
        {"tools": [{"function": True}, 5], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"tools": True, "tool_choice": {"function": "f"}},
        {"messages": [{"role": "assistant", "content": 5, "reasoning_content": "Hm.", "thinking_blocks": 1}]},
        {"messages": [{"role": "assistant", "content": {"a": 1}, "reasoning_content": "Hm."}]},
    ],
)
def test_what_nobody_can_read_is_the_vendors_to_refuse(members):
    _, exchange = asked("mistral", "magistral-medium", **members)
    assert sent(exchange)["model"] == "magistral-medium"
