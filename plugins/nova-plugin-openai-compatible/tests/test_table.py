"""Every row of the table: where it is asked, with which key, what is refused, and that its answers are read."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

import nova_plugin_openai_compatible as pack
from nova_core.errors import AuthenticationError, BadRequestError, ConfigurationError, UnsupportedParamsError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.vendors import VENDORS

from .vendors_asked import HELLO, KEY, asked, chunk, deployed, read_frames, replied, sent, vendor_named

CHATTING = [row for row in VENDORS if "chat" in row.operations]
# A value that says something, for each member that a row refuses or drops.
VALUES = {
    "n": 2,
    "seed": 3,
    "stop": ["x"],
    "logit_bias": {"1": 1},
    "logprobs": True,
    "top_logprobs": 2,
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "mp3"},
    "verbosity": "low",
    "safety_identifier": "s",
    "prediction": {"type": "content", "content": "x"},
    "prompt_cache_retention": "24h",
    "prompt_cache_options": {"mode": "explicit"},
    "web_search_options": {},
    "size": "1024x1024",
    "quality": "high",
    "style": "vivid",
    "store": True,
    "user": "bob",
    "metadata": {"a": "b"},
    "prompt_cache_key": "k",
    "service_tier": "flex",
    "stream_options": {"include_usage": True},
}

every_row = pytest.mark.parametrize("row", VENDORS, ids=lambda row: row.name)
every_chatting_row = pytest.mark.parametrize("row", CHATTING, ids=lambda row: row.name)


def test_a_hundred_vendors_chat():
    assert len(CHATTING) >= 95
    names = [name for row in VENDORS for name in (row.name, *row.aliases)]
    assert len(set(names)) == len(names)


def test_every_row_has_an_entry_point_and_every_entry_point_a_row():
    file = Path(__file__).resolve().parents[1] / "pyproject.toml"
    entries = tomllib.loads(file.read_text())["project"]["entry-points"]["nova.providers"]
    names = [name for row in VENDORS for name in (row.name, *row.aliases)]
    assert entries == {name: f"nova_plugin_openai_compatible:{name.replace('-', '_')}" for name in names}
    assert list(entries) == sorted(entries)
    for name in names:
        assert vendor_named(name).providers == (name,)


def test_a_name_without_a_row_is_no_attribute():
    with pytest.raises(AttributeError, match="nobody"):
        _ = pack.nobody


@every_chatting_row
def test_a_plain_chat_passes_through_at_the_address_with_the_key(row: Vendor):
    _, exchange = asked(row.name, "org/model", temperature=0.5, top_p=0.9, stream=True)
    base = (row.base_url or "http://server.test/v1").rstrip("/")
    base = re.sub(r"\{SNOW[^}]*\}", "me", re.sub(r"\{AWS[^}]*\}", "eu-1", base))
    assert exchange.request.url == f"{base}/chat/completions"
    assert exchange.request.stream
    headers = dict(exchange.request.headers)
    assert headers.get("Authorization") == (f"Bearer {KEY}" if row.key_variables else None)
    assert sent(exchange) == {
        "model": "org/model",
        "messages": HELLO,
        "temperature": 0.5,
        "top_p": 0.9,
        "stream": True,
        **row.defaults,
        **row.forced,
    }


@every_row
def test_keys_and_addresses_come_from_the_environment_in_order(row: Vendor):
    provider = vendor_named(row.name)
    bare = Deployment("i", "g", row.name, "m")
    own = {name: f"k-{place}" for place, name in enumerate(row.key_variables)}
    for name, value in own.items():
        complete = provider.complete(bare, {name: value, **_needed(row)})
        assert complete.api_key is not None
        assert complete.api_key.reveal() == value
    for place, name in enumerate(row.base_variables):
        later = dict.fromkeys(row.base_variables[place + 1 :], "https://later.test/v1")
        assert provider.complete(bare, {name: "https://proxy.test/v1/", **later}).api_base in (
            "https://proxy.test/v1",
            *(edit.of("https://proxy.test/v1") for edit in row.base_edits),
        )
    if row.base_url is None:
        with pytest.raises(ConfigurationError, match="api_base"):
            provider.complete(bare, {})


@every_chatting_row
def test_without_a_key_the_vendors_own_address_is_not_asked(row: Vendor):
    environ = _needed(row)
    if not row.key_required or environ:
        _, exchange = asked(row.name, environ=environ if row.base_variables else None)
        assert "Authorization" not in dict(exchange.request.headers)
        return
    with pytest.raises(AuthenticationError, match=row.key_variables[0]):
        asked(row.name, environ=environ)


@every_row
@pytest.mark.parametrize("operation", ["chat", "completion", "embedding"])
def test_an_address_that_ends_in_the_path_of_the_operation_is_used_as_it_is(row: Vendor, operation: str):
    if operation not in row.operations:
        assert operation not in vendor_named(row.name).paths
        return
    whole = f"https://proxy.test/some{vendor_named(row.name).paths[operation]}"
    assert vendor_named(row.name).url(deployed(row.name, api_base=whole), operation) == whole


@every_row
def test_every_operation_of_the_row_is_served_and_no_other(row: Vendor):
    requests = {
        "embedding": Request("embedding", OPENAI_EMBEDDINGS, {"model": "m", "input": ["a"]}),
        "completion": Request("completion", OPENAI_COMPLETIONS, {"model": "m", "prompt": "a"}),
    }
    provider = vendor_named(row.name)
    for operation, request in requests.items():
        served = operation if operation in row.operations else "chat" if operation == "completion" else None
        if served not in row.operations:
            with pytest.raises(BadRequestError, match=row.name):
                provider.provider_call(Call(request), request, deployed(row.name))
            continue
        exchange = provider.provider_call(Call(request), request, deployed(row.name))
        assert exchange.request.url.endswith(provider.paths[served])
        assert exchange.dialect.operation == served
        assert sent(exchange)["model"].endswith("some-model")


@every_row
def test_callers_of_the_responses_api_are_served_in_it_where_the_vendor_has_it(row: Vendor):
    members = {"model": "public", "input": "hi", "store": False, "metadata": {"a": "b"}, "seed": 1}
    request = Request("chat", OPENAI_RESPONSES, members)
    deployment = deployed(row.name, "org/model")
    provider = vendor_named(row.name)
    if not row.responses:
        assert provider.native(OPENAI_RESPONSES.name, deployment) is None
        return
    exchange = provider.provider_call(Call(request), request, deployment)
    assert exchange.request.url == provider.url(deployment, "chat").replace("/chat/completions", "/responses")
    assert sent(exchange) == {**members, "model": "org/model"}


@every_chatting_row
def test_what_a_row_refuses_is_refused_by_name_and_dropped_where_allowed(row: Vendor):
    for name in sorted(row.unsupported):
        with pytest.raises(UnsupportedParamsError, match=f"{row.name} cannot express `{name}`"):
            asked(row.name, **_asking(name))
        call, exchange = asked(row.name, drop=True, **_asking(name))
        assert name not in sent(exchange)
        assert name in call.fidelity.dropped
    assert row.unsupported <= {*VALUES, "presence_penalty", "frequency_penalty"}


@every_chatting_row
def test_hints_are_dropped_and_named(row: Vendor):
    given = {name: VALUES[name] for name in row.hints}
    call, exchange = asked(row.name, **given)
    assert given.keys() & sent(exchange).keys() == row.forced.keys() & given.keys()
    assert set(call.fidelity.dropped) == set(given)


@every_chatting_row
def test_members_go_under_the_vendors_names(row: Vendor):
    for old, new in row.renames.items():
        _, exchange = asked(row.name, **{old: 7})
        assert sent(exchange)[new] == 7
        assert old not in sent(exchange)
    if not row.renames:
        _, exchange = asked(row.name, max_completion_tokens=7)
        assert sent(exchange)["max_completion_tokens"] == 7


@every_chatting_row
def test_fields_of_the_vendors_own_go_as_they_are(row: Vendor):
    _, exchange = asked(row.name, repetition_penalty=1.1, top_k=40, extra={"a": [1]})
    assert {"repetition_penalty": 1.1, "top_k": 40, "extra": {"a": [1]}}.items() <= sent(exchange).items()


@every_chatting_row
def test_plain_and_streamed_answers_are_read(row: Vendor):
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    _, exchange = asked(row.name)
    reply = replied(exchange, {"content": "Hello.", "reasoning": "Greet."}, usage=usage)
    assert reply.get("choices")[0]["message"]["content"] == "Hello."
    assert reply.get("choices")[0]["message"]["reasoning_content"] == "Greet."
    assert reply.usage is not None
    assert (reply.usage.input_total, reply.usage.output_total) == (3, 2)
    _, exchange = asked(row.name, stream=True)
    frames = read_frames(exchange, chunk(None, content="Hel"), chunk(None, content="lo."), chunk("stop"))
    assert "".join(each["choices"][0]["delta"].get("content") or "" for each in frames) == "Hello."
    assert frames[-1]["choices"][0]["finish_reason"] == "stop"


@every_row
def test_an_error_of_the_vendor_is_told_without_the_key(row: Vendor):
    operation = row.operations[0]
    if operation == "chat":
        _, exchange = asked(row.name)
    else:
        dialect = vendor_named(row.name).dialects[operation]
        request = Request(operation, dialect, {"model": "m", "input": "a", "prompt": "a"})
        exchange = vendor_named(row.name).provider_call(Call(request), request, deployed(row.name))
    body = json.dumps({"error": {"message": f"no such model, {KEY}"}}).encode()
    error = exchange.read_error(UpstreamResponse(404, {}, body))
    assert error.status == 404
    assert "no such model" in error.message
    assert (KEY in error.message) is not bool(row.key_variables)


def test_an_answer_that_needs_no_mending_keeps_its_bytes():
    _, exchange = asked("mistral", stream=True)
    assert exchange.frames is not None
    said = b'{"choices" : [{"delta":{"content":"\\u00e9"}}]}', b'{"content":[nonsense'
    frames = exchange.frames().feed(b"".join(b"data: " + each + b"\n\n" for each in said))
    assert tuple(frame.data for frame in frames) == said
    reply = replied(exchange, {"content": "x"})
    assert isinstance(reply, Reply)
    assert b'"content": "x"' in reply.encode()


def _needed(row: Vendor) -> dict[str, str]:
    """What the address of the row needs in any case."""
    if row.base_url is None:
        return {row.base_variables[0]: "http://server.test/v1"} if row.base_variables else {}
    return {name.split("|")[0]: "x" for name in re.findall(r"\{([^}]+)\}", row.base_url)}


def _asking(name: str) -> dict[str, object]:
    return {name: VALUES.get(name, 0.5)}
