"""What is recorded of calls, and what another configuration would do with them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from nova_core.errors import NovaError
from nova_core.gateway.deciding import start_deciding
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.recorder import FILES, MIB, Recorder, lines_of
from nova_core.gateway.recording import RecordedCall, RecordedDeployment, matched
from nova_core.gateway.rehearsal import Report, rehearse
from nova_core.gateway.shape import filled, shape_of
from nova_core.server.paths import dialects
from nova_core.wire.tokens import count_text
from tests.server.live import runtime_from

CALLS = 60


def priced(name: str, tag: str, weight: int, price: float) -> dict[str, Any]:
    prices = {"input_cost_per_token": price, "output_cost_per_token": price}
    return {"model_name": "gpt", "params": {"model": f"echo/{name}", "tags": [tag], "weight": weight, **prices}}


@pytest.fixture
def before() -> dict[str, Any]:
    """Deployments without ids of their own: those that are generated change with every setting."""
    models = [
        priced("eu-one", "eu", 1, 1e-6),
        priced("eu-two", "eu", 1, 1e-6),
        priced("us-one", "us", 1, 1e-6),
        priced("us-two", "asia", 1, 1e-6),
        priced("plain", "default", 1, 2e-6),
    ]
    return {"model_list": models, "router_settings": {"enable_tag_filtering": True}}


async def record(settings: dict[str, Any], folder: Path, *, bodies: bool = False, **options: Any) -> list[str]:
    """Make calls with the tags eu, us and none in turn; answers their ids."""
    recorder = Recorder(folder, bodies=bodies)
    gateway = Gateway(runtime_from(settings))
    gateway.watchers.append(recorder.finished)
    ids = []
    async with gateway:
        for number in range(CALLS):
            tags = (["eu"], ["us"], None)[number % 3]
            answer = await gateway.chat("gpt", "the weather in Ulm, please", tags=tags, **options)
            ids.append(answer.headers["call-id"])
    recorder.close()
    return ids


def files(folder: Path) -> list[Path]:
    return list(folder.glob(FILES))


async def rehearsed(settings: dict[str, Any], folder: Path) -> Report:
    runtime = runtime_from(settings)
    await start_deciding(runtime)
    return rehearse(runtime, lines_of(folder), dialects())


def changed(report: Report, kind: str) -> set[str]:
    return {each.id for each in report.changes if kind in each.kinds}


@pytest.mark.parametrize("strategy", ["simple-shuffle", "least-busy", "latency-based-routing", "cost-based-routing"])
async def test_the_same_configuration_changes_nothing(before: dict[str, Any], tmp_path: Path, strategy: str) -> None:
    before["router_settings"]["routing_strategy"] = strategy
    await record(before, tmp_path)
    report = await rehearsed(before, tmp_path)
    assert (report.calls, report.compared, report.changes) == (CALLS, CALLS, ())
    assert report.cost_before == report.cost_after


async def test_exactly_the_calls_that_a_tag_a_weight_and_a_price_would_move_are_named(
    before: dict[str, Any], tmp_path: Path
) -> None:
    ids = await record(before, tmp_path)
    calls = {line.id: line for line in lines_of(tmp_path) if isinstance(line, RecordedCall)}
    after = copy.deepcopy(before)
    eu_one, _, us_one, us_two, plain = (model["params"] for model in after["model_list"])
    eu_one["weight"] = 0  # whatever the dice say, the other one is asked first
    us_one["tags"], us_two["tags"] = ["asia"], ["us"]
    plain["input_cost_per_token"] = 4e-6
    report = await rehearsed(after, tmp_path)
    first = next(each.id for each in runtime_from(before).catalog.groups["gpt"])
    eu = {id for id in ids[0::3] if calls[id].groups[0].order[0][0] == first}
    assert 0 < len(eu) < len(ids[0::3])
    assert changed(report, "target") == eu | set(ids[1::3])
    assert changed(report, "cost") == set(ids[2::3])
    assert report.totals["refusal"] == 0


async def test_calls_that_would_be_refused_are_named_and_so_are_those_that_no_longer_would(
    before: dict[str, Any], tmp_path: Path
) -> None:
    after = copy.deepcopy(before)
    del after["model_list"][0:2]
    ids = await record(before, tmp_path)
    report = await rehearsed(after, tmp_path)
    # A tag that nobody has leads to the deployments that are tagged `default`.
    assert changed(report, "target") == set(ids[0::3])
    del after["model_list"][-1]
    report = await rehearsed(after, tmp_path)
    assert changed(report, "refusal") == set(ids[0::3])
    refused = next(each for each in report.changes if "refusal" in each.kinds)
    assert refused.before.refused is None
    assert refused.after.refused is not None


async def test_a_recording_has_neither_texts_nor_credentials(before: dict[str, Any], tmp_path: Path) -> None:
    before["general_settings"] = {"allow_client_side_credentials": True}
    before["model_list"][0]["params"]["api_key"] = "sk-upstream-0123456789"
    metadata = {"note": "private words", "session_id": "s-1"}
    await record(before, tmp_path, api_key="sk-callers-0123456789", metadata=metadata, user="somebody@example.com")
    text = "".join(path.read_text() for path in files(tmp_path))
    for secret in ("sk-upstream", "sk-callers", "weather", "Ulm", "private words", "somebody"):
        assert secret not in text
    assert "s-1" in text
    assert all(path.stat().st_mode & 0o077 == 0 for path in files(tmp_path))


async def test_bodies_are_kept_when_asked_for_but_credentials_never(before: dict[str, Any], tmp_path: Path) -> None:
    before["general_settings"] = {"allow_client_side_credentials": True}
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"api_key": "my own secret"}}}]
    await record(before, tmp_path, bodies=True, api_key="sk-callers-0123456789", tools=tools, user="Bearer abcdef")
    text = "".join(path.read_text() for path in files(tmp_path))
    assert "the weather in Ulm" in text
    assert "sk-callers" not in text
    assert "my own secret" not in text
    assert "abcdef" not in text
    assert not (await rehearsed(before, tmp_path)).changes


async def test_what_a_plugin_answered_before_routing_is_not_compared(before: dict[str, Any], tmp_path: Path) -> None:
    before["nova_settings"] = {"cache": True}
    await record(before, tmp_path)
    report = await rehearsed(before, tmp_path)
    assert report.skipped == {"answered before routing": CALLS - report.compared}
    assert 0 < report.compared < CALLS


async def test_a_mixed_batch_is_split_again_and_a_moved_task_is_named(tmp_path: Path) -> None:
    def nova(*tasks: str) -> dict[str, Any]:
        models = [
            {
                "model_name": "nova",
                "params": {"model": f"echo/{place}", "adapter": task, "tags": [task]},
                "model_info": {"mode": "embedding", "id": f"{task}-{place}"},
            }
            for place, task in enumerate(tasks)
        ]
        return {"model_list": models, "nova_settings": {"callbacks": ["nova_task_router"]}}

    recorder = Recorder(tmp_path)
    gateway = Gateway(runtime_from(nova("retrieval", "code")))
    gateway.watchers.append(recorder.finished)
    async with gateway:
        mixed = [{"text": "a", "task": "retrieval"}, {"text": "b", "task": "code"}]
        await gateway.embedding("nova", mixed)
        await gateway.embedding("nova", "only this", task="code")
        with pytest.raises(NovaError):
            await gateway.embedding("nova", "nobody serves it", task="text-matching")
    recorder.close()
    assert not (await rehearsed(nova("retrieval", "code"), tmp_path)).changes
    swapped = await rehearsed(nova("code", "retrieval", "text-matching"), tmp_path)
    assert [each.kinds for each in swapped.changes] == [("target", "task"), ("target", "task"), ("refusal",)]
    assert swapped.changes[0].after.targets == ("retrieval-1", "code-0")


async def test_a_folder_stays_within_its_limit(before: dict[str, Any], tmp_path: Path) -> None:
    limit = MIB // 16
    recorder = Recorder(tmp_path, limit=limit)
    gateway = Gateway(runtime_from(before))
    gateway.watchers.append(recorder.finished)
    async with gateway:
        for _ in range(200):
            await gateway.chat("gpt", "hi")
    recorder.close()
    sizes = [path.stat().st_size for path in files(tmp_path)]
    assert len(sizes) > 5
    assert sum(sizes) <= limit
    kept = [line for line in lines_of(tmp_path) if isinstance(line, RecordedCall)]
    assert 0 < len(kept) < 200


def test_a_shape_keeps_what_decides_and_as_many_tokens() -> None:
    text = "Grüße aus Ulm, and some more words — 12345 of them."
    members = {
        "model": "gpt",
        "temperature": 0.5,
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
        "sk-proj-12345678": "x",
    }
    shape = shape_of(members)
    assert shape["messages"] == [{"role": "user", "content": [{"type": "text", "text": {"$tokens": count_text(text)}}]}]
    assert (shape["model"], shape["temperature"]) == ("gpt", 0.5)
    assert "sk-proj" not in str(shape)
    assert count_text(filled(shape)["messages"][0]["content"][0]["text"]) == count_text(text)


def test_what_tools_are_called_with_and_metadata_are_nobodys_business() -> None:
    called = {"type": "tool_use", "name": "find", "input": {"region": "Ulm", "model": "BMW", "patient-7": "x"}}
    members = {
        "model": "gpt",
        "messages": [{"role": "assistant", "content": [called]}],
        "metadata": {"mode": "secretive"},
        "tools": [{"name": "find", "input_schema": {"type": "object", "properties": {"salary": {"type": "string"}}}}],
    }
    shape = shape_of(members)
    kept = str(shape)
    assert not any(word in kept for word in ("Ulm", "BMW", "patient", "secretive", "salary"))
    assert shape["messages"][0]["content"][0]["type"] == "tool_use"
    assert shape["tools"][0]["input_schema"]["type"] == "object"


async def test_a_recorded_failure_does_not_quote_the_request(before: dict[str, Any], tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    gateway = Gateway(runtime_from(before))
    gateway.watchers.append(recorder.finished)
    async with gateway:
        with pytest.raises(NovaError, match="private-model"):
            await gateway.chat("private-model-of-ulm", "hi")
    recorder.close()
    [call] = [line for line in lines_of(tmp_path) if isinstance(line, RecordedCall)]
    assert call.failure is not None
    assert (call.failure.code, call.failure.message) == ("model_not_found", "")
    assert not (await rehearsed(before, tmp_path)).changes


def test_deployments_are_found_again_by_id_then_by_what_they_are() -> None:
    def deployment(id: str, model: str, settings: str = "") -> RecordedDeployment:
        return RecordedDeployment(id, "gpt", "echo", model, settings=settings)

    old = [deployment("kept", "m"), deployment("x1", "m"), deployment("x2", "m"), deployment("gone", "other")]
    new = [deployment("y1", "m"), deployment("kept", "elsewhere"), deployment("y2", "m", "changed")]
    assert matched(old, new) == {"kept": "kept", "x1": "y1", "x2": "y2"}
