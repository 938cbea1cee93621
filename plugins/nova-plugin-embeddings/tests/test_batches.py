"""Batches whose items have tasks of their own: split by deployment, served at once, merged in order."""

from __future__ import annotations

import asyncio
import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadRequestError, NovaError
from nova_core.gateway.summary import summary
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.wire.gemini import GEMINI_BATCH_EMBED
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_plugin_embeddings.asked import asked
from nova_plugin_embeddings.merging import merged, total
from nova_plugin_embeddings.selection import part_request, parts_of
from nova_plugin_embeddings.tasks import NOVA_TASKS

from .nova import CODE, CONFIG, MATCHING, RETRIEVAL, send, vectors


@pytest.fixture
async def nova(gateway):
    return await gateway(CONFIG)


def item(text, task=None, **more):
    return {"text": text, **({"task": task} if task else {}), **more}


async def test_a_mixed_batch_is_merged_in_order_with_one_usage(nova, upstream):
    items = [
        item("a", "retrieval.query"),
        item("b", "code"),
        item("c", "text-matching"),
        item("d", "retrieval.passage"),
    ]
    reply = await send(nova, {"input": items, "task": "code", "dimensions": 8})
    sent = {received.model: received.json for received in upstream.requests}
    assert sent[RETRIEVAL]["input"] == [items[0], items[3]]
    assert sent[CODE]["input"] == [items[1]]
    assert sent[MATCHING]["input"] == [items[2]]
    alone = [vectors(await send(nova, {"input": [each], "dimensions": 8}))[0] for each in items]
    assert vectors(reply) == alone
    assert nova.last.parent is None
    assert len(upstream.requests) == 3 + len(items)
    assert reply.get("model") == "nova-embeddings-v1"
    assert reply.get("object") == "list"


async def test_the_caller_is_told_what_served_a_split_batch(nova):
    await send(nova, {"input": [item("a", "code"), item("b", "retrieval")]})
    call = nova.last
    assert call.reply_headers["model-id"] == "nova-embeddings-code, nova-embeddings-retrieval"
    assert call.reply_headers["embedding-space"] == f"{CODE}/pooled, {RETRIEVAL}/pooled"
    assert [child.parent for child in call.children] == [call, call]
    assert call.usage.total == sum(child.usage.total for child in call.children)


async def test_the_cost_of_a_split_batch_is_that_of_its_parts_and_unknown_if_one_is(gateway, upstream):
    priced = CONFIG.replace("id: nova-embeddings-code}", "id: c, input_cost_per_token: 0.5}")
    upstream.script(CODE, usage=(2, 0)).script(RETRIEVAL, usage=(4, 0))
    batch = {"input": [item("a", "code"), item("b", "retrieval")]}
    half = await gateway(priced)
    await send(half, batch)
    assert "response-cost" not in summary(half.last)
    both = await gateway(priced.replace("id: nova-embeddings-retrieval}", "id: r, input_cost_per_token: 0.25}"))
    await send(both, batch)
    assert float(summary(both.last)["response-cost"]) == 2.0


async def test_items_take_the_top_level_task_and_parts_without_need_of_it_lose_it(nova, upstream):
    await send(nova, {"input": ["plain", item("b", "code.query"), item("c")], "task": "retrieval.query"})
    sent = {received.model: received.json for received in upstream.requests}
    assert sent[RETRIEVAL]["input"] == ["plain", item("c")]
    assert sent[RETRIEVAL]["task"] == "retrieval.query"
    assert sent[CODE]["input"] == [item("b", "code.query")]
    assert "task" not in sent[CODE]


async def test_tasks_of_one_deployment_stay_together_and_the_bytes_are_untouched(nova, upstream):
    body = (
        b'{"model":"nova-embeddings-v1", "input" : [ {"text":"a","task":"retrieval.query", "x":1.0},'
        b' {"task" : "retrieval.passage","text":"\\u00e9"} ] , "task":"retrieval"}'
    )
    await send(nova, body)
    assert upstream.asked == [RETRIEVAL]
    assert body[body.index(b"[") : body.index(b"]") + 1] in upstream.last.body


async def test_an_item_that_names_an_unknown_task_refuses_the_whole_batch(nova, upstream):
    with pytest.raises(BadRequestError, match=r"Did you mean 'code'\?") as refused:
        await send(nova, {"input": [item("a", "retrieval"), item("b", "coed")]})
    assert refused.value.param == "input[1].task"
    assert upstream.asked == []


async def test_the_parts_are_served_at_the_same_time(nova, upstream):
    for model in (RETRIEVAL, CODE, MATCHING):
        upstream.script(model, delay=0.3)
    started = time.monotonic()
    await send(nova, {"input": [item("a", "code"), item("b", "retrieval"), item("c", "text-matching")]})
    assert time.monotonic() - started < 0.8


async def test_a_part_that_fails_fails_the_batch_and_stops_the_others(nova, upstream):
    upstream.script(CODE, status=400, message="no").script(RETRIEVAL, delay=30)
    with pytest.raises(NovaError, match="no"):
        await asyncio.wait_for(send(nova, {"input": [item("a", "code"), item("b", "retrieval")]}), 5)
    await upstream.until(lambda server: len(server.disconnects) == 1)


async def test_vectors_and_numbers_of_a_split_batch_pass_as_they_were_sent(nova, upstream):
    reply_of = b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[%s]}],"model":"m","usage":%s}'
    upstream.script(CODE, body=reply_of % (b"0.10, 1e-3", b'{"prompt_tokens":3,"total_tokens":3}'))
    upstream.script(RETRIEVAL, body=reply_of % (b"-0.0,2", b'{"prompt_tokens":4,"total_tokens":5}'))
    reply = await send(nova, {"input": [item("a", "code"), item("b", "retrieval")]})
    assert b"[0.10, 1e-3]" in reply.encode()
    assert b"[-0.0,2]" in reply.encode()
    assert reply.get("usage") == {"prompt_tokens": 7, "total_tokens": 8}


async def test_usage_that_one_part_does_not_state_is_not_invented(nova, upstream):
    upstream.script(CODE, body=b'{"data":[{"embedding":[1.0]}],"model":"m"}')
    reply = await send(nova, {"input": [item("a", "code"), item("b", "retrieval")]})
    assert "usage" not in reply.members


async def test_base64_is_asked_of_and_answered_by_every_part(nova):
    reply = await send(nova, {"input": [item("a", "code"), item("b", "retrieval")], "encoding_format": "base64"})
    assert all(isinstance(vector, str) for vector in vectors(reply))


def test_usage_is_summed_member_by_member():
    assert total([{"a": 1, "d": {"x": 1}, "s": "y"}, {"a": 2.5, "b": 3, "d": {"x": 2}, "s": "z"}]) == {
        "a": 3.5, "d": {"x": 3}, "s": "y", "b": 3,
    }  # fmt: skip


GROUP = tuple(
    Deployment(id=id, group="nova", provider="p", model=id, tags=tags)
    for id, tags in {
        "r1": ("retrieval", "retrieval.query"), "r2": ("retrieval", "retrieval.query", "retrieval.passage"),
        "c": ("code", "code.query", "code.passage"), "t": ("text-matching",),
    }.items()
)  # fmt: skip
json_items = st.one_of(
    st.text(min_size=1, max_size=5),
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
    st.fixed_dictionaries({"text": st.text(max_size=4)}, optional={"task": st.sampled_from(NOVA_TASKS)}),
)
batches = st.lists(json_items, min_size=1, max_size=12)


@given(batches, st.none() | st.sampled_from(NOVA_TASKS))
def test_splitting_and_merging_puts_every_item_back_in_its_place(items, task):
    members = {"model": "nova", "input": msgspec.Raw(json.dumps(items).encode()), "task": task}
    request = Request("embedding", OPENAI_EMBEDDINGS, members)
    parts = parts_of(asked(request), GROUP)
    replies = []
    for part in parts:
        sub = part_request(request, part)
        own = asked(sub)
        assert len(parts_of(own, GROUP)) == 1
        assert [each.task and each.task.name for each in own.items] == [each.task and each.task.name for each in part]
        texts = sub.get("input")
        data = [{"index": place, "embedding": [place], "echo": text} for place, text in enumerate(texts)]
        reply = Reply("embedding", OPENAI_EMBEDDINGS, {"data": data[::-1], "model": "x"})
        replies.append(([each.place for each in part], reply))
    whole = merged(replies, model="nova")
    assert [datum["echo"] for datum in whole.get("data")] == items
    assert [datum["index"] for datum in whole.get("data")] == list(range(len(items)))


async def test_the_record_of_a_split_batch_has_its_group_its_cost_and_the_time_of_its_parts(gateway, upstream):
    nova = await gateway(
        CONFIG.replace("mode: embedding,", "mode: embedding, input_cost_per_token: 0.5,").replace(
            "num_retries: 0}", "num_retries: 1, model_group_alias: {short: nova-embeddings-v1}}"
        )
    )
    records = []
    nova.gateway.watchers.append(records.append)
    upstream.script(CODE, status=503, headers={"retry-after": "0"}).script(CODE, usage=(2, 0), delay=0.1)
    upstream.script(RETRIEVAL, usage=(4, 0))
    batch = {"model": "short", "input": [item("a", "code"), item("b", "retrieval")]}
    await send(nova, batch)
    *children, parent = records
    assert {record.call.parent for record in children} == {parent.call}
    assert parent.cost == sum(record.cost for record in children) == 3
    assert parent.call.group == "nova-embeddings-v1"
    assert summary(parent.call)["attempted-retries"] == "1"
    upstream.forget().script(CODE, status=400, delay=0.1)
    with pytest.raises(NovaError):
        await send(nova, batch)
    assert records[-1].call.parent is None and records[-1].upstream_seconds >= 0.09


async def test_items_with_adapters_of_their_own_are_split_like_those_with_tasks(nova, upstream):
    items = [item("a", adapter="code"), item("b", "retrieval"), item("c", "code.query")]
    reply = await send(nova, {"input": items})
    sent = {received.model: received.json for received in upstream.requests}
    assert {model: body["input"] for model, body in sent.items()} == {CODE: [items[0], items[2]], RETRIEVAL: [items[1]]}
    assert len(vectors(reply)) == 3


@pytest.mark.parametrize("wrong", [{"task": "code", "adapter": "retrieval"}, {"adapter": "nope"}])
async def test_an_item_whose_adapter_is_wrong_is_refused_by_its_place_before_anything_is_asked(nova, upstream, wrong):
    with pytest.raises(BadRequestError) as refused:
        await send(nova, {"input": [item("a", "retrieval"), {"text": "b", **wrong}]})
    assert (refused.value.param, refused.value.code) == ("input[1].adapter", "adapter_contradicts_task")
    assert upstream.asked == []


async def test_parts_that_a_cache_answers_cost_and_count_nothing(gateway, upstream):
    priced = CONFIG.replace("mode: embedding,", "mode: embedding, input_cost_per_token: 0.5,")
    nova = await gateway(priced.replace("drop_params: true", "drop_params: true, cache: true"))
    upstream.script(CODE, usage=(2, 0)).script(RETRIEVAL, usage=(4, 0))
    await send(nova, {"input": [item("a", "code")]})
    first = await send(nova, {"input": [item("a", "code"), item("b", "retrieval")]})
    assert (nova.last.usage.total, summary(nova.last)["response-cost"]) == (4, "2.0")
    second = await send(nova, {"input": [item("a", "code"), item("b", "retrieval")]})
    assert first.encode() == second.encode() and first.get("usage")["total_tokens"] == 6
    assert nova.last.usage.total == 0 and "response-cost" not in summary(nova.last)
    assert summary(nova.last)["model-id"] == "nova-embeddings-code, nova-embeddings-retrieval"
    assert len(upstream.requests) == 2


async def test_a_batch_of_the_gemini_api_is_split_by_its_tasks_too(nova, upstream):
    asked_for = {"a": "RETRIEVAL_QUERY", "b": "CODE_RETRIEVAL_QUERY", "c": "SEMANTIC_SIMILARITY"}
    requests = [{"content": {"parts": [{"text": text}]}, "taskType": task} for text, task in asked_for.items()]
    members = {"model": "nova-embeddings-v1", "requests": requests}
    reply = await nova.answer(members, operation="embedding", dialect=GEMINI_BATCH_EMBED)
    assert len(reply.get("embeddings")) == 3
    sent = {received.model: received.json["input"] for received in upstream.requests}
    assert [[each["text"] for each in sent[model]] for model in (RETRIEVAL, CODE, MATCHING)] == [["a"], ["b"], ["c"]]
