"""A sans-I/O provider: the request it makes, what it refuses, and how it reads answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ConfigurationError,
    ContextWindowExceededError,
    UnsupportedParamsError,
)
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.body import parse_members
from nova_core.wire.drop_policy import is_default, without_path
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import MEDIA_DIALECTS, OPENAI_DIALECTS, OpenAICompatible
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.passed_headers import public_headers
from nova_core.wire.provider import Provider


class Vendor(OpenAICompatible):
    """A vendor with a few limits."""

    providers = ("vendor",)
    base_url = "https://api.vendor.test/v1"
    api_base_env = ("VENDOR_BASE", "VENDOR_OTHER_BASE")
    api_key_env = ("VENDOR_KEY", "VENDOR_OLD_KEY")
    unsupported = frozenset({"n", "logprobs", "logit_bias", "presence_penalty"})
    hints = frozenset({"store"})


class ChatOnly(Vendor):
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT}


class NeedsBase(OpenAICompatible):
    providers = ("needs_base",)
    api_base_env = ("NEEDS_BASE",)
    key_required = False


HELLO = [{"role": "user", "content": "hi"}]


def chat(**fields: Any) -> Request:
    body = {"model": "public-name", "messages": HELLO, **fields}
    return Request("chat", OPENAI_CHAT, parse_members(json.dumps(body).encode()))


def deployment(**fields: Any) -> Deployment:
    given = {"api_base": "https://api.vendor.test/v1", "api_key": Secret("sk-secret-123"), **fields}
    return Deployment("id-1", "public-name", "vendor", "upstream-name", **given)


def asked(
    request: Request,
    provider: OpenAICompatible | None = None,
    where: Deployment | None = None,
    options: CallOptions | None = None,
) -> tuple[Call, Exchange]:
    call = Call(request, options=options)
    return call, (provider or Vendor()).provider_call(call, request, where or deployment())


def sent(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return body


def headers(exchange: Exchange) -> Mapping[str, str]:
    return {name.lower(): value for name, value in exchange.request.headers}


REPLY = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "upstream-name",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def test_address_and_key_come_from_the_environment_in_order():
    bare = deployment(api_base=None, api_key=None)
    full = Vendor().complete(
        bare, {"VENDOR_OTHER_BASE": "http://b", "VENDOR_OLD_KEY": "old", "VENDOR_KEY": " new ", "VENDOR_BASE": ""}
    )
    assert (full.api_base, full.api_key) == ("http://b", Secret("new"))
    assert Vendor().complete(bare, {}).api_base == Vendor.base_url
    assert Vendor().complete(bare, {}).api_key is None


def test_an_empty_key_is_no_key():
    empty = Vendor().complete(deployment(api_key=Secret("")), {"VENDOR_KEY": "k"})
    assert empty.api_key == Secret("k")
    with pytest.raises(AuthenticationError):
        asked(chat(), where=deployment(api_key=Secret(""), api_base="https://api.vendor.test/v1/"))


def test_what_the_operator_wrote_beats_the_environment():
    full = Vendor().complete(deployment(), {"VENDOR_BASE": "http://b", "VENDOR_KEY": "k"})
    assert full == deployment()


@pytest.mark.parametrize(("base", "said"), [(None, "NEEDS_BASE"), ("localhost:8000", "http://")])
def test_a_deployment_without_a_usable_address_is_refused_with_the_mend(base, said):
    with pytest.raises(ConfigurationError, match=said):
        NeedsBase().complete(deployment(api_base=base), {})


def test_a_missing_key_is_an_error_of_the_call_that_names_the_variable():
    complete = Vendor().complete(deployment(api_key=None), {})
    with pytest.raises(AuthenticationError, match="VENDOR_KEY or VENDOR_OLD_KEY"):
        asked(chat(), where=complete)


def test_a_server_of_the_operators_own_may_need_no_key():
    _, exchange = asked(chat(), where=deployment(api_key=None, api_base="http://localhost:8000/v1"))
    assert "authorization" not in headers(exchange)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://x.test/v1", "https://x.test/v1/chat/completions"),
        ("https://x.test/v1/", "https://x.test/v1/chat/completions"),
        ("https://x.test/v1/chat/completions", "https://x.test/v1/chat/completions"),
        ("https://x.test/v1/chat/completions/", "https://x.test/v1/chat/completions"),
        ("https://x.test", "https://x.test/chat/completions"),
        ("https://x.test/v1?api-version=2", "https://x.test/v1/chat/completions?api-version=2"),
    ],
)
def test_the_path_is_appended_once(base, url):
    _, exchange = asked(chat(), where=deployment(api_base=base))
    assert exchange.request.url == url


def test_same_dialect_passes_bytes_with_the_model_replaced():
    body = (
        b'{"messages":[{"role":"user","content":"h\\u00e9 \\/ 1.0e2"}],"temperature":0.70,'
        b'"model":"public-name","zz":{"a":1.00}}'
    )
    _, exchange = asked(Request("chat", OPENAI_CHAT, parse_members(body)))
    raw = exchange.request.body or b""
    assert b'[{"role":"user","content":"h\\u00e9 \\/ 1.0e2"}]' in raw
    assert b'"temperature":0.70' in raw
    assert b'"zz":{"a":1.00}' in raw
    assert sent(exchange)["model"] == "upstream-name"


def test_the_key_is_sent_and_extra_headers_win_last():
    _, exchange = asked(chat())
    assert headers(exchange) == {"content-type": "application/json", "authorization": "Bearer sk-secret-123"}
    _, exchange = asked(chat(), where=deployment(extra_headers={"authorization": "Token t", "X-Team": "a"}))
    assert headers(exchange)["authorization"] == "Token t"
    assert headers(exchange)["x-team"] == "a"
    assert [name.lower() for name, _ in exchange.request.headers].count("authorization") == 1


def test_nothing_secret_is_in_a_repr():
    _, exchange = asked(chat())
    assert "sk-secret-123" not in repr(exchange)


def test_a_stream_has_frames_and_a_whole_answer_has_none():
    _, streamed = asked(chat(stream=True))
    assert streamed.request.stream
    assert streamed.frames is not None
    assert streamed.frames().feed(b"data: {}\n\n")[0].data == b"{}"
    _, whole = asked(chat())
    assert not whole.request.stream
    assert whole.frames is None


def test_embeddings_are_never_streamed():
    members = parse_members(b'{"model":"m","input":"a","stream":true}')
    _, exchange = asked(Request("embedding", OPENAI_EMBEDDINGS, members))
    assert exchange.frames is None
    assert exchange.request.url.endswith("/embeddings")


def test_a_parameter_that_changes_the_answer_is_refused_by_name():
    with pytest.raises(UnsupportedParamsError) as caught:
        asked(chat(n=2, logprobs=True))
    error = caught.value
    assert "`logprobs`" in error.message
    assert "`n`" in error.message
    assert "vendor" in error.message
    assert "drop_params" in error.message
    assert error.status == 400
    assert error.param == "logprobs"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 1),
        ("logprobs", False),
        ("presence_penalty", 0),
        ("presence_penalty", 0.0),
        ("logit_bias", {}),
        ("n", None),
    ],
)
def test_a_default_is_never_refused(field, value):
    call, exchange = asked(chat(**{field: value}))
    assert field not in sent(exchange)
    assert field in call.fidelity.dropped
    assert call.fidelity.lost == ()


def test_true_is_not_one():
    assert not is_default("n", True)
    assert not is_default("logprobs", 0)


def test_hints_are_dropped_and_named():
    call, exchange = asked(chat(store=True))
    assert "store" not in sent(exchange)
    assert call.fidelity.dropped == ("store",)
    assert exchange.fidelity == call.fidelity


@pytest.mark.parametrize(
    ("option", "setting", "dropped"),
    [(True, None, True), (None, True, True), (True, False, True), (False, True, False), (None, None, False)],
)
def test_the_call_decides_on_dropping_before_the_deployment(option, setting, dropped):
    def ask() -> tuple[Call, Exchange]:
        return asked(chat(n=3), where=deployment(drop_params=setting), options=CallOptions(drop_params=option))

    if not dropped:
        with pytest.raises(UnsupportedParamsError):
            ask()
        return
    call, exchange = ask()
    assert "n" not in sent(exchange)
    assert call.fidelity.lost == ("n",)


def test_an_allowed_parameter_is_sent_as_given():
    _, exchange = asked(chat(n=3), options=CallOptions(allowed_params=("n",)))
    assert sent(exchange)["n"] == 3
    _, exchange = asked(chat(logit_bias={"5": 1}), where=deployment(allowed_params=("logit_bias",)))
    assert sent(exchange)["logit_bias"] == {"5": 1}


def test_fields_that_nobody_defines_go_up_unchanged():
    _, exchange = asked(chat(top_k=5, guided_json={"a": 1}))
    assert sent(exchange)["top_k"] == 5
    assert sent(exchange)["guided_json"] == {"a": 1}


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("a", {"tools": [{"x": 1, "y": {"z": 2}}, {"x": 3}]}),
        ("tools[*].x", {"a": {"b": {"c": 1, "d": 2}}, "tools": [{"y": {"z": 2}}, {}]}),
        ("tools[0].y.z", {"a": {"b": {"c": 1, "d": 2}}, "tools": [{"x": 1, "y": {}}, {"x": 3}]}),
        ("a.b.c", {"a": {"b": {"d": 2}}, "tools": [{"x": 1, "y": {"z": 2}}, {"x": 3}]}),
        ("tools[1]", {"a": {"b": {"c": 1, "d": 2}}, "tools": [{"x": 1, "y": {"z": 2}}]}),
        ("a.b.*", {"a": {"b": {}}, "tools": [{"x": 1, "y": {"z": 2}}, {"x": 3}]}),
    ],
)
def test_paths_are_removed(path, left):
    whole = {"a": {"b": {"c": 1, "d": 2}}, "tools": [{"x": 1, "y": {"z": 2}}, {"x": 3}]}
    for members in (whole, parse_members(json.dumps(whole).encode())):
        request = without_path(Request("chat", OPENAI_CHAT, members), path)
        assert json.loads(request.encode()) == left


@given(st.text(max_size=20))
def test_a_path_that_leads_nowhere_changes_nothing(path):
    request = Request("chat", OPENAI_CHAT, {"model~": [{"q~": 1}]})
    assert without_path(request, path) is request


def test_additional_drop_params_beat_refusal_and_are_named():
    tools = [{"type": "function", "function": {"name": "f"}, "input_examples": [1]}]
    call, exchange = asked(
        chat(n=3, tools=tools, seed=5),
        where=deployment(additional_drop_params=("n", "tools[*].input_examples")),
        options=CallOptions(additional_drop_params=("seed", "absent")),
    )
    body = sent(exchange)
    assert "n" not in body
    assert "seed" not in body
    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert set(call.fidelity.dropped) == {"n", "tools[*].input_examples", "seed"}


def test_marks_of_prompt_caching_are_left_out_and_named():
    marked = [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}, "cache_control": {"type": "ephemeral"}}]
    call, exchange = asked(chat(messages=marked, tools=tools))
    assert "cache_control" not in (exchange.request.body or b"").decode()
    assert call.fidelity.dropped == ("messages[0].content[0].cache_control", "tools[0].cache_control")


def test_the_words_cache_control_in_a_text_stay():
    messages = [{"role": "user", "content": "what is cache_control?"}]
    call, exchange = asked(chat(messages=messages))
    assert sent(exchange)["messages"] == messages
    assert call.fidelity.dropped == ()


def test_completions_go_through_chat_where_there_is_nothing_else():
    request = Request(
        "completion", OPENAI_COMPLETIONS, parse_members(b'{"model":"m","prompt":"once upon","max_tokens":5}')
    )
    _, direct = asked(request)
    assert direct.request.url.endswith("/v1/completions")
    _, through = asked(request, ChatOnly())
    assert through.request.url.endswith("/chat/completions")
    assert sent(through)["messages"][-1]["content"] in ("once upon", [{"type": "text", "text": "once upon"}])
    assert through.dialect is OPENAI_CHAT
    assert "completion" in ChatOnly().operations("m")


def test_an_operation_the_provider_lacks_is_refused_by_name():
    request = Request("embedding", OPENAI_EMBEDDINGS, parse_members(b'{"model":"m","input":"a"}'))
    with pytest.raises(BadRequestError, match="vendor does not serve embedding"):
        asked(request, ChatOnly())
    assert "embedding" not in ChatOnly().operations("m")


def test_another_dialect_is_translated_with_the_upstreams_model():
    body = {"model": "public-name", "max_tokens": 9, "system": "be brief", "messages": HELLO, "top_k": 4}
    request = Request("chat", ANTHROPIC_MESSAGES, parse_members(json.dumps(body).encode()))
    call, exchange = asked(request, options=CallOptions(drop_params=True))
    assert sent(exchange)["model"] == "upstream-name"
    assert sent(exchange)["messages"][0]["content"] in ("be brief", [{"type": "text", "text": "be brief"}])
    assert "system" not in sent(exchange)
    assert exchange.dialect is OPENAI_CHAT
    assert "top_k" in call.fidelity.lost
    with pytest.raises(UnsupportedParamsError, match="top_k"):
        asked(request)
    _, allowed = asked(request, options=CallOptions(allowed_params=("top_k",)))
    assert sent(allowed)["top_k"] == 4


def test_a_translated_stream_asks_for_the_usage_that_its_caller_is_owed():
    body = {"model": "m", "max_tokens": 9, "messages": HELLO, "stream": True}
    request = Request("chat", ANTHROPIC_MESSAGES, parse_members(json.dumps(body).encode()))
    call, exchange = asked(request)
    assert sent(exchange)["stream_options"] == {"include_usage": True}
    assert call.fidelity.dropped == ()
    _, same = asked(chat(stream=True))
    assert "stream_options" not in sent(same)


def read(body: object, status: int = 200, **named: str) -> Reply:
    _, exchange = asked(chat())
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = exchange.read(UpstreamResponse(status, {k.replace("_", "-"): v for k, v in named.items()}, raw))
    assert isinstance(reply, Reply)
    return reply


def test_a_reply_keeps_its_bytes_and_the_headers_that_may_reach_the_caller():
    reply = read(REPLY, x_request_id="r", Content_Type="application/json", Set_Cookie="s", openai_processing_ms="4")
    assert (reply.operation, reply.dialect) == ("chat", OPENAI_CHAT)
    assert reply.headers == {"x-request-id": "r", "openai-processing-ms": "4"}
    assert json.loads(reply.encode()) == REPLY
    assert reply.usage is not None
    assert reply.usage.total == 4


@pytest.mark.parametrize(
    "body",
    [b"<html>sorry</html>", b"", b"[]", b'"x"', b"{}", {"error": {"message": "sorry"}}, b'{"choices":', b"\xff\xfe{}"],
)
def test_a_200_that_is_no_reply_is_an_error(body):
    with pytest.raises(BadGatewayError) as caught:
        read(body)
    assert caught.value.status == 502
    assert len(caught.value.message) < 400


def test_reasoning_of_vendors_gets_its_usual_name():
    message = {"role": "assistant", "content": "a", "reasoning": "because"}
    reply = read({**REPLY, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    assert reply.get("choices")[0]["message"] == {"role": "assistant", "content": "a", "reasoning_content": "because"}


def test_a_redirect_is_an_error():
    with pytest.raises(BadGatewayError, match="302"):
        read(b"moved", status=302)


def test_an_error_never_quotes_the_key():
    _, exchange = asked(
        chat(), where=deployment(api_key=Secret("abcdefgh"), extra_headers={"x-api-key": "hunter2hunter"})
    )
    body = b'{"error":{"message":"bad key abcdefgh, hunter2hunter"}}'
    error = exchange.read_error(UpstreamResponse(401, {}, body))
    assert error.message == "bad key ****, ****"
    assert "abcdefgh" not in str(error)


def test_errors_are_classified():
    _, exchange = asked(chat())
    body = b'{"error":{"message":"too long","code":"context_length_exceeded"}}'
    assert isinstance(exchange.read_error(UpstreamResponse(400, {}, body)), ContextWindowExceededError)


def test_headers_of_the_connection_stay_behind():
    kept = public_headers(
        {"Connection": "close", "Transfer-Encoding": "chunked", "X-RateLimit-Limit": "1", "Date": "x"}
    )
    assert kept == {"x-ratelimit-limit": "1"}


def test_a_plain_provider_changes_nothing():
    assert Provider().complete(deployment(), {"VENDOR_KEY": "x"}) == deployment()
    assert Provider().models() == ()


def test_every_dialect_has_a_path():
    assert set(Vendor.paths) == {*OPENAI_DIALECTS, *MEDIA_DIALECTS}
