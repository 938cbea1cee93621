"""What a decision record says, and who gets to see it."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import NovaError
from nova_core.gateway.decisions import DecisionStore
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.why import as_json, decision_of
from nova_core.testing import ScriptedUpstream
from nova_core.types.principal import ANONYMOUS, Principal
from tests.server.live import model, runtime_from

STRANGER = Principal("key-other")


def echo(id: str, *tags: str, group: str = "gpt", **params: Any) -> dict[str, Any]:
    params = {"model": "echo/echo", "tags": list(tags), **params}
    return {"model_name": group, "params": params, "model_info": {"id": id}}


def config(*models: dict[str, Any], **router: Any) -> dict[str, Any]:
    return {"model_list": list(models), "router_settings": {"enable_tag_filtering": True, **router}}


class Watched:
    """A gateway whose calls are kept."""

    def __init__(self, settings: dict[str, Any], most: int = 10) -> None:
        self.gateway = Gateway(runtime_from(settings))
        self.store = DecisionStore(most)
        self.gateway.watchers.append(self.store.finished)

    def record(self, id: str) -> dict[str, Any]:
        trace = self.store.find(id, ANONYMOUS)
        assert trace is not None
        return as_json(decision_of(trace))


async def test_a_record_says_who_left_whom_out_and_why() -> None:
    watched = Watched(config(echo("a", "eu"), echo("b", "us"), echo("c", "eu", weight=2)))
    async with watched.gateway as gateway:
        answer = await gateway.chat("gpt", "hi", tags=["eu"])
    record = watched.record(answer.headers["call-id"])
    [group] = record["groups"]
    assert [each["id"] for each in group["candidates"]] == ["a", "b", "c"]
    assert group["removed"] == [{"id": "b", "by": "router-tags", "why": "tags eu"}]
    assert sorted(id for level in group["order"] for id in level) == ["a", "c"]
    assert record["attempts"][0]["deployment"] == record["deployment"] == group["order"][0][0]
    assert record["status"] == 200
    assert record["config"]
    assert "nova-plugin-router-tags" in record["plugins"]


async def test_failed_attempts_and_what_rests_are_in_the_record() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.script("one", status=429)
        models = [model("one", upstream.url), model("two", upstream.url)]
        for each in models:
            each["model_name"] = "gpt"
        settings = {"model_list": models, "router_settings": {"num_retries": 1, "cooldown_time": 30}}
        watched = Watched(settings)
        async with watched.gateway as gateway:
            first = await _until_first(gateway, "one")
            second = await gateway.chat("gpt", "hi")
    record = watched.record(first)
    assert [attempt.get("failure", {}).get("status") for attempt in record["attempts"]] == [429, None]
    [removal] = watched.record(second.headers["call-id"])["groups"][0]["removed"]
    assert (removal["id"], removal["by"]) == (record["attempts"][0]["deployment"], "cooldown")
    assert removal["why"].startswith("it rests for another ")


async def _until_first(gateway: Gateway, name: str) -> str:
    """The id of the first call that was sent to the deployment of this name first."""
    for _ in range(50):
        answer = await gateway.chat("gpt", "hi")
        if answer.headers["attempted-retries"] == "1":
            return answer.headers["call-id"]
    raise AssertionError(f"{name} was never asked first")


async def test_a_refused_call_has_a_record_that_keeps_no_traceback() -> None:
    watched = Watched(config(echo("a", "eu")))
    async with watched.gateway as gateway:
        with pytest.raises(NovaError):
            await gateway.chat("gpt", "hi", tags=["eu", "!eu"])
    [trace] = watched.store._kept
    assert trace.failure is not None
    assert as_json(decision_of(trace))["groups"][0]["failure"]["code"] == trace.failure.code


async def test_only_the_last_calls_are_kept_and_a_key_sees_its_own() -> None:
    watched = Watched(config(echo("a")), most=3)
    async with watched.gateway as gateway:
        ids = [(await gateway.chat("gpt", "hi")).headers["call-id"] for _ in range(5)]
    found = [watched.store.find(id, ANONYMOUS) is not None for id in ids]
    assert found == [False, False, True, True, True]
    assert watched.store.find(ids[-1], STRANGER) is None


async def test_the_parts_of_a_split_batch_are_in_its_record_with_their_tasks() -> None:
    tasks = ("retrieval.query", "code.query")
    models = [
        {
            "model_name": "nova",
            "params": {"model": "echo/echo", "adapter": task.split(".")[0], "tags": [task.split(".")[0]]},
            "model_info": {"mode": "embedding", "id": task},
        }
        for task in tasks
    ]
    settings = {"model_list": models, "nova_settings": {"callbacks": ["nova_task_router"]}}
    watched = Watched(settings)
    items = [{"text": "a", "task": "retrieval"}, {"text": "b", "task": "code"}]
    async with watched.gateway as gateway:
        answer = await gateway.embedding("nova", items)
    record = watched.record(answer.headers["call-id"])
    assert [child["task"] for child in record["children"]] == ["retrieval", "code"]
    assert [child["deployment"] for child in record["children"]] == list(tasks)
    removed = record["children"][0]["groups"][0]["removed"]
    assert removed == [{"id": "code.query", "by": "nova_task_router", "why": "task retrieval"}]
    assert watched.record(record["children"][1]["id"])["task"] == "code"
