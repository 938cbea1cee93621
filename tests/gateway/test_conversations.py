"""Conversations of the Responses API inside the gateway: what is kept, for whom, for how long, and what leads where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from nova_core import Reply, hookimpl
from nova_core.config.check import read_settings
from nova_core.config.loader import from_mapping
from nova_core.errors import BadRequestError, NotFoundError
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.response_ids import Made, Seal, seal_of
from nova_core.gateway.runtime import build_runtime
from nova_core.stores import StoreUnavailableError
from nova_core.testing.caller import GatewayCaller, GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.types.call import Call, CallRecord
from nova_core.types.message import Request
from nova_core.types.principal import ANONYMOUS, Principal
from nova_core.wire.openai_responses import OPENAI_RESPONSES

HERE = "tests.gateway.test_conversations"
ALICE, BOB = Principal("key-a"), Principal("key-b")


class Shelf:
    """A key-value store that a test looks into, and may close."""

    kept: dict[str, bytes] = {}  # noqa: RUF012 - shared with the test on purpose
    ttls: list[float | None] = []  # noqa: RUF012
    closed = False

    async def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def get_many(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        if self.closed:
            raise StoreUnavailableError("the shelf is closed")
        self.kept[key] = value
        self.ttls.append(ttl)

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)


class Shelves:
    """Provides the store of responses, and of nothing else."""

    @hookimpl
    def provide_store(self, kind: str, settings: Mapping[str, Any]) -> object | None:
        return Shelf() if kind == "key_value" and settings.get("use") == "responses" else None


class Recorder:
    """What was accounted for."""

    records: list[CallRecord] = []  # noqa: RUF012

    @hookimpl
    def call_finished(self, record: CallRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def _empty() -> None:
    Shelf.kept.clear()
    Shelf.ttls.clear()
    Shelf.closed = False
    Recorder.records.clear()


def config(**sections: Any) -> dict[str, Any]:
    base = {"api_base": "{upstream}/v1", "api_key": "upstream-key"}
    models = {"chat": {"model": "scripted/llama", **base}, "gpt": {"model": "openai/gpt-5.1", **base}}
    return {"model_list": [{"model_name": name, "params": params} for name, params in models.items()], **sections}


async def ask(caller: GatewayCaller, model: str, input: Any, *, who: Principal = ANONYMOUS, **members: Any) -> Any:
    """A whole answer, or the last event of a streamed one."""
    body = {"model": model, "input": input, **members}
    answer = await caller.gateway.conversations.answer(Call(Request("chat", OPENAI_RESPONSES, body), principal=who))
    if isinstance(answer, CallerStream):
        pieces = [piece async for piece in answer]
        await answer.aclose()
        last = msgspec.json.decode(pieces[-1].split(b"data: ")[-1])
        return last.get("response", last)
    return msgspec.json.decode(answer.encode())


async def test_what_is_kept_has_an_owner_and_an_end(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    settings = {"general_settings": {"responses": {"ttl_seconds": 60}}}
    caller = await gateway(config(**settings), plugins={"shelves": f"{HERE}:Shelves"})
    kept = await ask(caller, "chat", "Hi", who=ALICE)
    assert list(Shelf.kept) == [f"responses:key-a:{kept['id']}"]
    assert Shelf.ttls == [60]
    conversations = caller.gateway.conversations
    reply = await conversations.retrieve(ALICE, kept["id"])
    assert isinstance(reply, Reply)
    assert msgspec.json.decode(reply.encode()) == kept
    for who, id in ((BOB, kept["id"]), (ALICE, "resp_unknown"), (ALICE, "")):
        with pytest.raises(NotFoundError):
            await conversations.retrieve(who, id)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_store_that_is_away_costs_the_memory_and_not_the_answer(
    gateway: GatewayFactory, upstream: ScriptedUpstream, stream: bool
) -> None:
    caller = await gateway(config(), plugins={"shelves": f"{HERE}:Shelves"})
    Shelf.closed = True
    response = await ask(caller, "chat", "Hi", stream=stream)
    assert response["status"] == "completed"
    with pytest.raises(BadRequestError, match="not found"):
        await ask(caller, "chat", "And?", previous_response_id=response["id"])


async def test_a_broken_stream_is_not_kept(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config(), plugins={"shelves": f"{HERE}:Shelves"})
    upstream.script("llama", stream=["a", "b"], half_stream=True)
    assert (await ask(caller, "chat", "Hi", stream=True))["type"] == "error"
    assert Shelf.kept == {}


async def test_a_conversation_without_its_beginning_is_not_continued(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(), plugins={"shelves": f"{HERE}:Shelves", "recorder": f"{HERE}:Recorder"})
    first = await ask(caller, "chat", "1")
    second = await ask(caller, "chat", "2", previous_response_id=first["id"])
    third = await ask(caller, "chat", "3", previous_response_id=second["id"])
    asked = len(upstream.requests)
    del Shelf.kept[f"responses:anonymous:{first['id']}"]
    with pytest.raises(BadRequestError) as gone:
        await ask(caller, "chat", "4", previous_response_id=third["id"])
    assert (gone.value.code, gone.value.param) == ("previous_response_not_found", "previous_response_id")
    assert len(upstream.requests) == asked
    await caller.gateway.background.drain(1)
    assert [record.status for record in Recorder.records] == [200, 200, 200, 400]


@pytest.mark.parametrize("deleted", [0, 1, 2])
async def test_what_a_deleted_response_said_belongs_to_those_that_go_on_from_it(
    gateway: GatewayFactory, upstream: ScriptedUpstream, deleted: int
) -> None:
    caller = await gateway(config(), plugins={"shelves": f"{HERE}:Shelves"})
    conversations = caller.gateway.conversations
    kept: list[str] = []
    for text in ("1", "2", "3"):
        kept.append((await ask(caller, "chat", text, previous_response_id=kept[-1] if kept else None))["id"])
    await conversations.delete(ANONYMOUS, gone := kept[deleted])
    with pytest.raises(NotFoundError):
        await conversations.retrieve(ANONYMOUS, gone)
    with pytest.raises(NotFoundError):
        await conversations.delete(ANONYMOUS, gone)
    with pytest.raises(BadRequestError, match="not found"):
        await ask(caller, "chat", "?", previous_response_id=gone)
    if deleted == 2:
        assert f"responses:anonymous:{gone}" not in Shelf.kept, "nobody goes on from the last one"
        return
    await ask(caller, "chat", "4", previous_response_id=kept[2])
    said = [message["content"] for message in upstream.last.json["messages"] if message["role"] == "user"]
    assert said == ["1", "2", "3", "4"]
    listed = await conversations.input_items(ANONYMOUS, kept[2], (("order", "asc"),))
    assert isinstance(listed, Reply)
    assert len(msgspec.json.decode(listed.encode())["data"]) == 5


async def test_what_goes_on_unkept_holds_nothing_back(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config(), plugins={"shelves": f"{HERE}:Shelves"})
    first = await ask(caller, "chat", "1")
    await ask(caller, "chat", "2", previous_response_id=first["id"], store=False)
    await caller.gateway.conversations.delete(ANONYMOUS, first["id"])
    assert Shelf.kept == {}


async def test_memory_is_bounded_and_the_oldest_leave(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config(general_settings={"responses": {"memory_mb": 0.02}}))
    kept = [(await ask(caller, "chat", "word " * 500))["id"] for _ in range(8)]
    conversations = caller.gateway.conversations
    with pytest.raises(NotFoundError):
        await conversations.retrieve(ANONYMOUS, kept[0])
    assert await conversations.retrieve(ANONYMOUS, kept[-1])


async def test_memory_survives_a_reload(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config())
    first, native = await ask(caller, "chat", "Hi"), await ask(caller, "gpt", "Hi")
    again = msgspec.json.decode(msgspec.json.encode(config()).replace(b"{upstream}", upstream.url.encode()))
    models = [entry for entry in again["model_list"] if entry["model_name"] == "gpt"]
    settings = read_settings(from_mapping({"model_list": models}))
    await caller.gateway.reload(build_runtime(settings, environ={}))
    second = await ask(caller, "gpt", "And?", previous_response_id=first["id"])
    assert second["previous_response_id"] == first["id"]
    await ask(caller, "gpt", "And?", previous_response_id=native["id"])
    assert upstream.last.json["previous_response_id"] == "resp_scripted"


async def test_an_answer_out_of_a_cache_is_the_gateways_own(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config(nova_settings={"cache": True}))
    first, second = await ask(caller, "gpt", "Hi"), await ask(caller, "gpt", "Hi")
    assert len(upstream.requests) == 1
    assert first["id"] != second["id"]
    assert await caller.gateway.conversations.retrieve(ANONYMOUS, second["id"])
    await ask(caller, "gpt", "And?", previous_response_id=second["id"])
    assert [item["role"] for item in upstream.last.json["input"]] == ["user", "assistant", "user"]


async def test_a_scripted_answer_is_one_of_this_api(gateway: GatewayFactory, upstream: ScriptedUpstream) -> None:
    caller = await gateway(config())
    response = await ask(caller, "gpt", "Hi", stream=True)
    assert response["object"] == "response"
    answer = await caller.gateway.responses("gpt", "Hi", mock_response="Mocked.", metadata={"a": "b"})
    assert (answer.output_text, answer.metadata.a) == ("Mocked.", "b")  # type: ignore[union-attr]


async def test_a_pinned_call_goes_to_the_deployment_that_made_the_response(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    entries = [
        {"model_name": "gpt", "params": {"model": f"openai/{name}", "api_base": "{upstream}/v1", "api_key": name * 8}}
        for name in ("one", "two", "six")
    ]
    caller = await gateway({"model_list": entries})
    first = await ask(caller, "gpt", "Hi")
    maker = upstream.asked[0]
    for _ in range(6):
        last = await ask(caller, "gpt", "And?", previous_response_id=first["id"])
        assert last["model"] == "gpt"
    assert upstream.asked == [maker] * 7


async def test_a_response_of_a_deployment_that_is_gone_is_not_found(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config())
    runtime = caller.gateway.runtime
    seal = seal_of(runtime.settings, runtime.catalog)
    gone = seal.close(Made("d-gone", "gpt", "resp_1"), ANONYMOUS)
    with pytest.raises(NotFoundError):
        await caller.gateway.conversations.retrieve(ANONYMOUS, gone)
    with pytest.raises(BadRequestError):
        await ask(caller, "gpt", "And?", previous_response_id=gone)
    assert upstream.requests == []


async def test_a_key_that_may_no_longer_call_the_model_cannot_read_its_responses(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    caller = await gateway(config())
    response = await ask(caller, "gpt", "Hi", who=Principal("key-a", models=("gpt",)))
    with pytest.raises(NotFoundError):
        await caller.gateway.conversations.retrieve(Principal("key-a", models=("other",)), response["id"])


def test_a_seal_opens_for_its_owner_alone() -> None:
    seal, made = Seal(b"secret"), Made("d-1", "gpt", "resp_1")
    id = seal.close(made, ALICE)
    assert seal.open(id, ALICE) == made
    changed = id[:-2] + ("A" if id[-2] != "A" else "B") + id[-1]
    for other, who, text in (
        (seal, BOB, id),
        (Seal(b"other"), ALICE, id),
        (seal, ALICE, changed),
        (seal, ALICE, "resp_é"),
    ):
        assert other.open(text, who) is None
