"""Task routing through the whole gateway, in front of a scripted Nova server."""

from __future__ import annotations

import json
import logging

import pytest

from nova_core.errors import BadRequestError, ModelNotFoundError, ServiceUnavailableError
from nova_plugin_embeddings.tasks import FOREIGN_FIELDS, FOREIGN_NAMES, NOVA_TASKS, foreign_task

from .nova import CODE, CONFIG, MATCHING, RETRIEVAL, send

ADAPTER_OF = {
    "retrieval": RETRIEVAL,
    "retrieval.query": RETRIEVAL,
    "retrieval.passage": RETRIEVAL,
    "text-matching": MATCHING,
    "code": CODE,
    "code.query": CODE,
    "code.passage": CODE,
}


@pytest.fixture
async def nova(gateway):
    return await gateway(CONFIG)


@pytest.mark.parametrize("task", NOVA_TASKS)
async def test_each_task_reaches_its_adapter_and_the_body_stays_as_it_was(nova, upstream, task):
    body = b'{"model": "nova-embeddings-v1", "input": ["a",  "b"], "task": "%s", "seed": 1.50}' % task.encode()
    await send(nova, body)
    sent = upstream.last
    assert sent.model == ADAPTER_OF[task]
    assert b'["a",  "b"]' in sent.body
    assert b"1.50" in sent.body
    assert sent.json["task"] == task
    assert nova.last.deployment.id.removeprefix("nova-embeddings-") in ADAPTER_OF[task]
    assert nova.last.space.name == f"{ADAPTER_OF[task]}/pooled"


async def test_the_dotted_path_of_old_files_names_the_same_plugin(gateway, upstream):
    path = "litellm.proxy.hooks.nova_task_routing.nova_task_router"
    nova = await gateway(CONFIG.replace('"nova_task_router"', f'"{path}"'))
    await send(nova, {"task": "code"})
    assert upstream.asked == [CODE]


async def test_a_wildcard_reaches_the_same_name_upstream_and_is_not_routed_by_task(nova, upstream):
    await send(nova, {"model": "remodlai/nova-embeddings-other", "task": "anything"})
    assert upstream.last.model == "nova-embeddings-other"
    assert upstream.last.json["task"] == "anything"


async def test_an_alias_is_routed_like_its_group(gateway, upstream):
    nova = await gateway(
        CONFIG.replace("num_retries: 0", "num_retries: 0, model_group_alias: {nova: nova-embeddings-v1}")
    )
    await send(nova, {"model": "nova", "input": [{"text": "a", "task": "code"}, {"text": "b", "task": "retrieval"}]})
    assert sorted(upstream.asked) == [CODE, RETRIEVAL]
    with pytest.raises(BadRequestError, match="Tasks served"):
        await send(nova, {"model": "nova", "task": "cod"})


async def test_a_task_with_a_typo_is_refused_with_the_tasks_and_the_nearest_spelling(nova, upstream):
    with pytest.raises(BadRequestError) as refused:
        await send(nova, {"task": "retreival.query"})
    error = refused.value
    assert (error.status, error.param, error.code) == (400, "task", "unknown_task")
    assert all(task in error.message for task in NOVA_TASKS)
    assert "Did you mean 'retrieval.query'?" in error.message
    assert upstream.asked == []


@pytest.mark.parametrize("task", ["Retrieval", "retrieval_query", " code", "default", ""])
async def test_only_the_exact_name_of_a_task_selects(nova, upstream, task):
    with pytest.raises(BadRequestError):
        await send(nova, {"task": task})
    assert upstream.asked == []


async def test_a_task_that_is_no_string_is_refused_by_its_place(nova):
    with pytest.raises(BadRequestError) as refused:
        await send(nova, {"input": ["a", {"text": "b", "task": 7}]})
    assert refused.value.param == "input[1].task"


@pytest.mark.parametrize(
    ("field", "value", "adapter"),
    [
        ("input_type", "search_query", RETRIEVAL),
        ("input_type", "document", RETRIEVAL),
        ("input_type", "clustering", MATCHING),
        ("prompt_name", "passage", RETRIEVAL),
        ("prompt_name", "code.query", CODE),
        ("taskType", "SEMANTIC_SIMILARITY", MATCHING),
        ("taskType", "CODE_RETRIEVAL_QUERY", CODE),
        ("task_type", "RETRIEVAL_DOCUMENT", RETRIEVAL),
    ],
)
async def test_other_apis_names_route_and_stay_in_the_body(nova, upstream, field, value, adapter):
    await send(nova, {field: value})
    assert upstream.last.model == adapter
    assert upstream.last.json == {"model": adapter, "input": "hello", field: value}


async def test_an_explicit_task_wins_over_other_apis_names(nova, upstream):
    await send(nova, {"task": "code", "input_type": "search_query", "taskType": "CLUSTERING"})
    assert upstream.asked == [CODE]
    assert upstream.last.json["input_type"] == "search_query"


def test_every_foreign_name_means_a_task_that_nova_has():
    assert set(FOREIGN_NAMES.values()) <= set(NOVA_TASKS)
    assert all(foreign_task(task) == task for task in NOVA_TASKS)
    assert foreign_task("image") is foreign_task(None) is foreign_task(3) is None
    assert "task" not in FOREIGN_FIELDS


async def test_without_a_task_a_warning_is_logged_once_and_the_group_is_refused_for_its_spaces(nova, upstream, caplog):
    with caplog.at_level(logging.WARNING, "nova.embeddings"):
        for _ in range(2):
            with pytest.raises(BadRequestError, match=r"3 embedding spaces.*text-matching"):
                await send(nova, {})
    assert [record.name for record in caplog.records if "has no task" in record.message] == ["nova.embeddings"]
    assert upstream.asked == []


async def test_without_a_task_the_deployment_tagged_default_serves(gateway, upstream):
    nova = await gateway(CONFIG.replace('["text-matching"]', '["text-matching", "default"]'))
    for _ in range(5):
        await send(nova, {})
    assert set(upstream.asked) == {MATCHING}


async def test_a_base_model_in_the_group_never_gets_calls_that_have_a_task(gateway, upstream):
    base = """  - model_name: nova-embeddings-v1
    litellm_params: {model: remodlai/nova-embeddings-v1, api_base: "{upstream}/v1"}
litellm_settings"""
    nova = await gateway(CONFIG.replace("litellm_settings", base))
    for task in NOVA_TASKS:
        await send(nova, {"task": task})
    assert upstream.asked == [ADAPTER_OF[task] for task in NOVA_TASKS]
    with pytest.raises(BadRequestError, match="4 embedding spaces"):
        await send(nova, {})


async def test_tasks_select_even_where_the_operator_forgot_tag_filtering(gateway, upstream):
    nova = await gateway(CONFIG.replace("enable_tag_filtering: true", "enable_tag_filtering: false"))
    for task in NOVA_TASKS:
        await send(nova, {"task": task}, tags=("text-matching",))
    assert upstream.asked == [ADAPTER_OF[task] for task in NOVA_TASKS]


async def test_other_tags_cannot_pull_a_call_to_a_wrong_adapter(nova, upstream):
    for _ in range(5):
        await send(nova, {"task": "retrieval"}, tags=("code", "team-a"))
    assert set(upstream.asked) == {RETRIEVAL}
    assert any("ignored the tags code, team-a" in note.what for note in nova.last.notes)


async def test_other_tags_choose_among_the_deployments_of_the_task(gateway, upstream):
    pods = CONFIG.replace("id: nova-embeddings-code}", "id: code-eu}").replace(
        '"code.passage"]', '"code.passage", "eu"]'
    )
    second = """  - model_name: nova-embeddings-v1
    litellm_params: {model: remodlai/nova-embeddings-code, api_base: "{upstream}/us", tags: [code, us]}
    model_info: {id: code-us}
litellm_settings"""
    nova = await gateway(pods.replace("litellm_settings", second))
    for _ in range(5):
        await send(nova, {"task": "code"}, tags=("us",))
        assert nova.last.deployment.id == "code-us"
    served = set()
    for _ in range(40):
        await send(nova, {"task": "code"})
        served.add(nova.last.deployment.id)
    assert served == {"code-eu", "code-us"}


async def test_a_task_tag_without_a_task_is_an_ordinary_tag(nova, upstream):
    await send(nova, {}, tags=("code.query",))
    assert upstream.asked == [CODE]


async def test_a_deployment_called_by_its_id_serves_only_its_own_tasks(nova, upstream):
    await send(nova, {"model": "nova-embeddings-code", "task": "code.query"})
    with pytest.raises(BadRequestError, match=r"Tasks served: code, code\.query, code\.passage\."):
        await send(nova, {"model": "nova-embeddings-code", "task": "retrieval"})
    assert upstream.asked == [CODE]


async def test_a_group_without_task_tags_gets_the_task_passed_on(gateway, upstream):
    plain = """
model_list:
  - model_name: plain
    params: {model: scripted/plain, api_base: "{upstream}/v1", tags: [eu]}
nova_settings: {callbacks: [nova_task_router]}
"""
    await send(await gateway(plain), {"model": "plain", "task": "whatever"})
    assert upstream.last.json["task"] == "whatever"


async def test_an_operators_own_task_routes_and_is_listed_when_it_is_named(gateway, upstream):
    own = CONFIG.replace('["text-matching"]', '["text-matching", "separation"]')
    nova = await gateway(own)
    await send(nova, {"task": "separation"})
    assert upstream.asked == [MATCHING]
    with pytest.raises(BadRequestError) as refused:
        await send(nova, {"task": "x"})
    assert "separation" not in refused.value.message
    named = await gateway(own + "\nplugins: {nova_task_router: {tasks: [separation]}}\n")
    with pytest.raises(BadRequestError, match="separation"):
        await send(named, {"task": "x"})


async def test_a_body_adapter_must_agree_with_the_task(nova, upstream):
    await send(nova, {"task": "code", "adapter": "code"})
    assert upstream.last.json["adapter"] == "code"
    with pytest.raises(BadRequestError) as refused:
        await send(nova, {"task": "code", "adapter": "retrieval"})
    assert (refused.value.param, refused.value.code) == ("adapter", "adapter_contradicts_task")
    with pytest.raises(BadRequestError) as refused:
        await send(nova, {"task": "code", "input": ["a", {"text": "b", "adapter": "retrieval"}]})
    assert refused.value.param == "input[1].adapter"
    assert upstream.asked == [CODE]


async def test_an_adapter_selects_where_there_is_no_task(nova, upstream):
    await send(nova, {"adapter": "text-matching"})
    assert upstream.asked == [MATCHING]


async def test_dimensions_of_a_multivector_are_refused_for_the_call_and_for_an_item(nova, upstream):
    with pytest.raises(BadRequestError, match="return_multivector") as refused:
        await send(nova, {"task": "code", "dimensions": 128, "return_multivector": True})
    assert (refused.value.param, refused.value.code) == ("dimensions", "dimensions_with_multivector")
    item = {"text": "a", "dimensions": 128, "return_multivector": True}
    with pytest.raises(BadRequestError) as refused:
        await send(nova, {"task": "code", "input": ["b", item]})
    assert refused.value.param == "input[1].dimensions"
    await send(nova, {"task": "code", "dimensions": None, "return_multivector": True})
    assert len(upstream.asked) == 1


async def test_a_fallback_of_another_space_is_never_used(gateway, upstream):
    other = """  - model_name: other
    litellm_params: {model: remodlai/other, api_base: "{upstream}/v1", tags: [code]}
litellm_settings"""
    nova = await gateway(
        CONFIG.replace("litellm_settings", other).replace(
            "num_retries: 0", "num_retries: 0, fallbacks: [{nova-embeddings-v1: [other]}]"
        )
    )
    upstream.script(CODE, status=503)
    with pytest.raises(ServiceUnavailableError):
        await send(nova, {"task": "code"})
    assert upstream.asked == [CODE]


async def test_a_retry_stays_with_the_adapter(gateway, upstream):
    nova = await gateway(CONFIG.replace("num_retries: 0", "num_retries: 1, retry_after: 0"))
    upstream.script(CODE, status=503).script(CODE)
    await send(nova, {"task": "code"})
    assert upstream.asked == [CODE, CODE]


async def test_an_unknown_model_is_still_unknown(nova):
    with pytest.raises(ModelNotFoundError):
        await send(nova, {"model": "nowhere", "task": "code"})


async def test_one_object_is_an_input_too(nova, upstream):
    await send(nova, {"input": {"text": "a", "task": "code.query"}})
    assert upstream.asked == [CODE]
    assert upstream.last.json["input"] == {"text": "a", "task": "code.query"}


async def test_chat_calls_are_left_alone(gateway, upstream):
    nova = await gateway(CONFIG)
    reply = await nova.chat("remodlai/nova-chat", "Hi", task="code")
    assert reply.choices
    assert json.loads(upstream.last.body)["task"] == "code"
