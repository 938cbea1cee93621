"""Deciding is pure: the same call and state give the same decision, also after they were recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_core.gateway.accounting import record_of
from nova_core.gateway.deciding import decide, decide_now, start_deciding
from nova_core.gateway.decisions import TRACE, Trace
from nova_core.gateway.recording import RecordedCall, recorded
from nova_core.gateway.rehearsal import Rehearsal
from nova_core.gateway.routing import Resolved
from nova_core.gateway.runtime import Runtime
from nova_core.gateway.why import as_json, decision_of
from nova_core.server.paths import dialects
from nova_core.types.call import Call, CallOptions
from nova_core.types.message import Request
from nova_core.types.principal import Principal
from nova_core.types.routing import Snapshot
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from tests.gateway.test_decisions import config, echo
from tests.server.live import runtime_from

TAGS = ("eu", "us", "default", "!us", "&eu", "strange")
TASKS = ("retrieval", "code", "text-matching")


def embedding(task: str) -> dict[str, str]:
    return {"id": f"n-{task}", "mode": "embedding"}


@cache
def routed() -> Runtime:
    """Weights, order levels, tags, tasks, patterns and fallbacks, all at once."""
    models = [
        echo("a", "eu", weight=1),
        echo("b", "eu", "us", weight=3),
        echo("c", "us", order=2),
        echo("d", "default", order=1),
        echo("e", "default", order=1),
        echo("small", group="small"),
        echo("wild", group="any/*", model="echo/*"),
        *({**echo("", task, group="nova", adapter=task), "model_info": embedding(task)} for task in TASKS[:2]),
    ]
    settings = config(*models, fallbacks=[{"gpt": ["small", "any/x"]}], model_group_alias={"alias": "gpt"})
    settings["nova_settings"] = {"callbacks": ["nova_task_router"]}
    runtime = runtime_from(settings)
    asyncio.run(start_deciding(runtime))
    return runtime


chats = st.fixed_dictionaries(
    {"model": st.sampled_from(["gpt", "alias", "small", "any/thing", "missing"])},
    optional={"temperature": st.floats(0, 2), "user": st.text(max_size=20)},
).flatmap(
    lambda members: st.text(max_size=60).map(
        lambda text: Request("chat", OPENAI_CHAT, {**members, "messages": [{"role": "user", "content": text}]})
    )
)
items = st.fixed_dictionaries({"text": st.text(min_size=1, max_size=20)}, optional={"task": st.sampled_from(TASKS)})
batches = st.lists(items, min_size=1, max_size=5).map(
    lambda given: Request("embedding", OPENAI_EMBEDDINGS, {"model": "nova", "input": given})
)
principals = st.builds(
    Principal, st.just("key-1"), models=st.sampled_from([(), ("gpt", "nova"), ("gpt", "small"), ("any/*",)])
)
cooling = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e", "n-code"]), st.floats(1001, 2000), max_size=5)


class State:
    """A state that is made of drawn values alone."""

    def __init__(self, runtime: Runtime, cooling: Mapping[str, float], seed: int) -> None:
        self._runtime = runtime
        self._cooling = cooling
        self._seed = seed

    def __call__(self, call: Call, request: Request, resolved: Resolved, fallback: int) -> Snapshot:
        state = MappingProxyType({})
        return Snapshot(
            resolved.group, 1000.0, self._runtime.catalog, fallback, self._cooling, frozenset(), self._seed, state
        )


def said(trace: Trace) -> dict[str, Any]:
    """What was decided, without what differs from call to call."""
    decision = as_json(decision_of(trace))
    return _without(decision, "id", "created", "started")


def _without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    kept = {name: value for name, value in record.items() if name not in names}
    if "children" in kept:
        kept["children"] = [_without(child, *names) for child in kept["children"]]
    return kept


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    request=chats | batches,
    principal=principals,
    tags=st.lists(st.sampled_from(TAGS), max_size=2, unique=True),
    fallbacks=st.none() | st.just(("small",)),
    cooling=cooling,
    seed=st.integers(0, 2**64 - 1),
)
def test_every_decision_is_the_same_twice_and_after_it_was_recorded(
    request: Request,
    principal: Principal,
    tags: list[str],
    fallbacks: tuple[str, ...] | None,
    cooling: dict[str, float],
    seed: int,
) -> None:
    runtime = routed()
    state = State(runtime, cooling, seed)
    options = CallOptions(fallbacks=fallbacks) if fallbacks is not None else None

    def asked() -> Call:
        return Call(request, principal=principal, options=options, tags=tuple(tags), id="same")

    call = asked()
    first = decide(runtime, call, state)
    assert said(decide(runtime, asked(), state)) == said(first)
    line = written(call, first)
    again = Rehearsal(runtime, dialects()).decided(line)
    assert said(again) == said(first)


def written(call: Call, trace: Trace) -> RecordedCall:
    """The call's line in a recording, read again."""
    call.stash[TRACE] = trace
    line = recorded(record_of(call, status=200, error=None, streamed=False), bodies=False)
    return msgspec.json.decode(msgspec.json.encode(line), type=RecordedCall)


async def test_a_question_says_the_whole_plan_and_calls_nobody() -> None:
    models = [echo("a", "eu"), echo("b", "us"), {**echo("c", "eu", group="spare")}]
    runtime = runtime_from(config(*models, fallbacks=[{"gpt": ["spare", "nowhere"]}]))
    gateway = await start_deciding(runtime)
    call = Call(Request("chat", OPENAI_CHAT, {"model": "gpt", "messages": []}), tags=("eu",))
    record = as_json(decision_of(decide_now(gateway, call)))
    assert [group["order"] for group in record["groups"]] == [[["a"]], [["c"]]]
    assert record["fallbacks"] == ["spare"]
    assert record["group"] == "gpt"
    assert "nowhere failed" in {note["what"] for note in record["notes"]}
    assert "status" not in record
    assert "failure" not in record


@pytest.mark.parametrize(
    ("principal", "name", "code"),
    [(Principal("k", models=("other",)), "gpt", "key_model_access_denied"), (Principal("k"), "no", "model_not_found")],
)
def test_a_refusal_is_a_decision_too(principal: Principal, name: str, code: str) -> None:
    runtime = routed()
    call = Call(Request("chat", OPENAI_CHAT, {"model": name, "messages": []}), principal=principal)
    trace = decide(runtime, call, State(runtime, {}, 1))
    assert trace.failure is not None
    assert trace.failure.code == code
