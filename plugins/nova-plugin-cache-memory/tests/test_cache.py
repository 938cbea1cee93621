"""The cache through the whole gateway, in front of a scripted upstream."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadRequestError, ConfigurationError, NovaError, PermissionDeniedError
from nova_core.gateway.options import take_options
from nova_core.testing.caller import GatewayCaller
from nova_core.types.call import Call, CallOptions
from nova_core.types.chat import Text
from nova_core.types.message import Reply, Request
from nova_core.types.principal import Principal
from nova_core.types.routing import Catalog
from nova_core.wire.body import parse_members
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_plugin_cache_memory import MemoryCache
from nova_plugin_cache_memory.keys import cache_key
from nova_plugin_cache_memory.settings import cache_settings, controls

CONFIG: dict[str, Any] = {
    "model_list": [
        {"model_name": name, "params": {"model": f"scripted/{name}", "api_base": "{upstream}/v1", "num_retries": 0}}
        for name in ("gpt", "other")
    ],
    "nova_settings": {"cache": True},
}
HI = {"role": "user", "content": "Hi"}


def configured(**params: Any) -> dict[str, Any]:
    return {**CONFIG, "nova_settings": {"cache": True, "cache_params": params}}


@pytest.fixture
async def caller(gateway):
    return await gateway(CONFIG)


async def ask(caller: GatewayCaller, body: dict[str, Any] | None = None, **call: Any) -> str:
    """The text that is answered to a body, options taken out of it as the server does."""
    given = parse_members(json.dumps({"model": "gpt", "messages": [HI], **(body or {})}).encode())
    members, options, tags = take_options(given, {}, dialect="openai_chat")
    reply = await caller.answer(members, options=options, tags=(*tags, *call.pop("tags", ())), **call)
    assert isinstance(reply, Reply)
    return reply.get("choices")[0]["message"]["content"]


async def test_the_same_call_is_answered_from_memory_and_costs_nothing(caller, upstream):
    upstream.script("gpt", "one").script("gpt", "two")
    assert await ask(caller) == "one"
    assert "cache-key" not in caller.last.reply_headers
    assert caller.last.usage.total > 0
    assert await ask(caller) == "one"
    assert len(upstream.requests) == 1
    assert len(caller.last.reply_headers["cache-key"]) == 64
    assert caller.last.usage.total == 0
    assert caller.last.deployment is None
    assert [note.what for note in caller.last.notes if note.step == "cache-memory"] == ["hit"]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "other"},
        {"messages": [{"role": "user", "content": "hi"}]},
        {"temperature": 0.5},
        {"user": "u"},
        {"tags": ["eu"]},
        {"drop_params": True},
        {"guardrails": ["g"]},
        {"cache": {"namespace": "n"}},
        {"unheard_of": 1},
    ],
)
async def test_whatever_shapes_the_answer_makes_another_key(caller, upstream, body):
    await ask(caller)
    await ask(caller, body)
    assert len(upstream.requests) == 2


async def test_the_order_and_spacing_of_a_body_make_no_difference(caller, upstream):
    bodies = (
        b'{"model":"gpt","messages":[{"role":"user","content":"a"}],"seed":1,"top_p":null}',
        b'{ "seed" : 1, "messages" : [ {"content":"a", "role":"user"} ], "model":"gpt" }',
    )
    for body in bodies:
        await caller.answer(parse_members(body))
    assert len(upstream.requests) == 1


async def test_an_alias_shares_the_answers_of_its_group(gateway, upstream):
    caller = await gateway({**CONFIG, "router_settings": {"model_group_alias": {"alias": "gpt"}}})
    await ask(caller)
    await ask(caller, {"model": "alias"})
    assert len(upstream.requests) == 1


async def test_controls_of_the_call(caller, upstream):
    for number in range(9):
        upstream.script("gpt", str(number))
    assert await ask(caller, {"cache": {"no-store": True}}) == "0"
    assert await ask(caller) == "1"
    assert await ask(caller, {"cache": {"no-cache": True}}) == "2"
    assert await ask(caller) == "2"
    assert await ask(caller, {"cache": {"s-maxage": 0}}) == "3"
    assert await ask(caller, {"caching": False}) == "4"
    assert await ask(caller) == "3"


async def test_a_ttl_of_nothing_keeps_nothing(caller, upstream):
    await ask(caller, {"cache": {"ttl": 0}})
    await ask(caller)
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("cache", [{"ttl": "soon"}, {"ttl": -1}, {"no-cache": "yes"}, {"namespace": 3}])
async def test_a_control_that_cannot_be_used_is_refused_by_name(caller, cache):
    with pytest.raises(BadRequestError) as refused:
        await ask(caller, {"cache": cache})
    assert refused.value.param == f"cache.{next(iter(cache))}"


async def test_default_off_caches_only_what_asks_for_it(gateway, upstream):
    caller = await gateway(configured(mode="default_off"))
    for _ in range(2):
        await ask(caller)
    assert len(upstream.requests) == 2
    for _ in range(2):
        await ask(caller, {"cache": {"use-cache": True}})
    assert len(upstream.requests) == 3


async def test_long_conversations_and_other_call_types_are_left_alone_where_configured(gateway, upstream):
    caller = await gateway(configured(max_messages=1, supported_call_types=["completion"], type="memory"))
    for _ in range(2):
        await ask(caller, {"messages": [HI, HI]})
    assert len(upstream.requests) == 2
    for _ in range(2):
        await caller.embed("gpt", "text")
    assert len(upstream.requests) == 4
    for _ in range(2):
        await ask(caller)
    assert len(upstream.requests) == 5


async def test_failures_and_empty_answers_are_not_kept(caller, upstream):
    upstream.script("gpt", status=400).script("gpt", "").script("gpt", "said")
    with pytest.raises(NovaError):
        await ask(caller)
    await ask(caller)
    assert await ask(caller) == "said"
    assert len(upstream.requests) == 3


async def test_an_answer_of_a_fallback_is_not_kept(gateway, upstream):
    caller = await gateway({**CONFIG, "router_settings": {"fallbacks": [{"gpt": ["other"]}], "num_retries": 0}})
    upstream.script("gpt", status=500).script("gpt", "healthy").script("other", "fallback")
    assert await ask(caller) == "fallback"
    assert await ask(caller) == "healthy"


async def test_large_answers_are_not_kept(gateway, upstream):
    caller = await gateway(configured(max_item_bytes=100))
    for _ in range(2):
        await ask(caller)
    assert len(upstream.requests) == 2


async def test_a_hit_is_streamed_to_who_asks_for_a_stream_and_streams_are_not_kept(caller, upstream):
    upstream.script("gpt", "from the stream").script("gpt", "whole")
    first = b"".join([piece async for piece in caller.stream("gpt", "Hi")])
    assert b"stream" in first
    assert await ask(caller) == "whole"
    again = b"".join([piece async for piece in caller.stream("gpt", "Hi")])
    assert b"whole" in again
    assert again.endswith(b"data: [DONE]\n\n")
    assert len(upstream.requests) == 2


async def test_a_key_never_gets_the_answer_of_a_model_that_it_may_not_call(caller):
    await ask(caller)
    with pytest.raises(PermissionDeniedError):
        await ask(caller, principal=Principal("limited", models=("other",)))


async def test_keys_share_answers_unless_the_operator_keeps_them_apart(gateway, upstream):
    shared, apart = await gateway(CONFIG), await gateway(configured(scope="principal"))
    for caller in (shared, apart):
        for name in ("a", "b", "a"):
            await ask(caller, principal=Principal(name))
    assert len(upstream.requests) == 1 + 2


async def test_embeddings_keep_their_bytes_and_their_space(caller, upstream):
    upstream.script("gpt", body=b'{"object":"list","data":[{"embedding":[0.10,1E1],"index":0}],"model":"m"}')
    first = await caller.embed("gpt", "text")
    space = caller.last.space
    assert await caller.embed("gpt", "text") == first
    assert len(upstream.requests) == 1
    assert caller.last.space == space is not None


async def test_other_plugins_see_hits_and_what_they_refuse_is_forgotten(gateway, upstream):
    config = {**CONFIG, "nova_settings": {"cache": True, "callbacks": ["nova_task_router"]}}
    caller = await gateway(config)
    upstream.script("gpt", json={"data": [{"embedding": [None], "index": 0}], "model": "m"}).script("gpt", width=2)
    with pytest.raises(NovaError, match="finite"):
        await caller.embed("gpt", "text")
    good = await caller.embed("gpt", "text")
    assert await caller.embed("gpt", "text") == good
    in_base64 = await caller.embed("gpt", "text", encoding_format="base64")
    assert len(base64.b64decode(in_base64.data[0].embedding)) == 2 * struct.calcsize("f")
    assert len(upstream.requests) == 3


@dataclass
class View:
    """A gateway as a plugin sees it."""

    settings: Mapping[str, Any]
    catalog: Catalog = field(default_factory=Catalog)


async def test_it_is_bounded_and_entries_expire():
    now = [0.0]
    cache = MemoryCache(clock=lambda: now[0])
    cache.startup(View({"nova_settings": {"cache_params": {"max_items": 2, "ttl": 10}}}))

    async def call(text: str) -> str | None:
        request = Request("chat", OPENAI_CHAT, {"model": "gpt", "messages": [{"role": "user", "content": text}]})
        made = Call(request, options=CallOptions())
        hit = await cache.pre_call(made, request)
        if hit is not None:
            part = hit.typed.choices[0].message.parts[0]
            return part.text if isinstance(part, Text) else None
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        await cache.post_call(made, Reply("chat", OPENAI_CHAT, {"id": "x", "model": "gpt", "choices": [choice]}))
        return None

    assert [await call(text) for text in ("a", "b", "a", "c", "b")] == [None, None, "a", None, None]
    now[0] = 11.0
    assert await call("c") is None


@pytest.mark.parametrize("params", [{"scope": "team"}, {"max_items": 0}, {"max_bytes": "big"}])
def test_params_that_cannot_be_used_refuse_the_start(params):
    with pytest.raises(ConfigurationError, match="cache_params"):
        cache_settings({"litellm_settings": {"cache_params": params}})


def test_both_spellings_of_the_section_are_read():
    found = cache_settings({"litellm_settings": {"cache_params": {"ttl": 5, "namespace": "n", "max_messages": None}}})
    assert (found.ttl, found.namespace, found.max_messages) == (5, "n", None)
    assert controls({"s-max-age": 3}).max_age == 3


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=4), values, max_size=5), st.randoms())
def test_a_key_depends_on_what_a_body_says_and_not_on_how(body, random):
    names = list(body)
    random.shuffle(names)
    spaced = json.dumps({name: body[name] for name in names}, indent=3).encode()
    compact = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    keys = set()
    for text in (spaced, compact):
        request = Request("chat", OPENAI_CHAT, parse_members(text))
        keys.add(cache_key(Call(request), request, group="g", namespace="", scope=""))
    assert len(keys) == 1


async def test_a_scripted_answer_is_never_kept_for_other_callers(caller, upstream):
    assert await ask(caller, {"mock_response": "made up"}) == "made up"
    upstream.script("gpt", "the model's")
    assert await ask(caller) == "the model's"
    assert await ask(caller, {"mock_response": "made up"}) == "made up"


@pytest.mark.parametrize(
    ("sections", "asked"),
    [
        ({"plugins": "auto"}, 2),
        ({"plugins": "auto", "nova_settings": {"cache": False}}, 2),
        ({"plugins": "auto", "nova_settings": {"cache": True}}, 1),
        ({"plugins": ["cache-memory"]}, 1),
        ({"plugins": ["cache-memory"], "litellm_settings": {"cache": False}}, 2),
    ],
)
async def test_only_a_cache_that_the_file_asks_for_caches(gateway, upstream, sections, asked):
    caller = await gateway({"model_list": CONFIG["model_list"], **sections})
    await ask(caller)
    await ask(caller)
    assert len(upstream.requests) == asked


async def test_reranks_are_kept_in_the_format_they_were_answered_in(gateway, upstream):
    deployment = {"model": "hosted_vllm/gpt", "api_base": "{upstream}/v1", "num_retries": 0}
    caller = await gateway({**CONFIG, "model_list": [{"model_name": "ranker", "params": deployment}]})
    body = {"model": "ranker", "query": "red", "documents": ["grass", "a red tomato"]}
    for dialect in (JINA_RERANK, COHERE_RERANK, JINA_RERANK):
        reply = await caller.answer(body, operation="rerank", dialect=dialect)
        assert isinstance(reply, Reply)
        assert reply.get("results")[0]["index"] == 1
        assert ("meta" in reply.members) is (dialect is COHERE_RERANK)
    assert len(upstream.asked) == 2
