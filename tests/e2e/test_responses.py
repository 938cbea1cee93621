"""OpenAI's client on the Responses API: a vendor that speaks it, one of its own format, and one of chat alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from openai import APIError, BadRequestError, NotFoundError, OpenAI, RateLimitError
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import BaseModel, TypeAdapter

from nova_core.testing import ScriptedUpstream
from nova_core.testing.server_process import ServerProcess
from nova_core.testing.upstream_responses import RESPONSE_ID, response_pieces
from tests.e2e.dialects import anthropic_answer, openai_answer

pytestmark = pytest.mark.slow

KEY, OTHER = "sk-nova-responses-1", "sk-nova-responses-2"
EVENT = TypeAdapter[Any](ResponseStreamEvent)
BODY = TypeAdapter[Any](ResponseCreateParamsNonStreaming)
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
NATIVE, TRANSLATED = ("gpt",), ("claude", "chat")
EVERY = pytest.mark.parametrize("model", [*NATIVE, *TRANSLATED])
KEPT = pytest.mark.parametrize("model", TRANSLATED)


@dataclass(frozen=True, slots=True)
class Setting:
    """The server, its upstream, and clients of two keys."""

    upstream: ScriptedUpstream
    client: OpenAI
    other: OpenAI

    @property
    def sent(self) -> Any:
        return self.upstream.last.json


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with ScriptedUpstream() as upstream:
        base = {"api_base": f"{upstream.url}/v1", "api_key": "upstream-key-1"}
        models = {
            "gpt": {"model": "openai/gpt-5.1", **base},
            "gpt-sibling": {"model": "openai/gpt-5-mini", **base},
            "gpt-elsewhere": {"model": "openai/gpt-5.1", **base, "api_key": "upstream-key-2"},
            "chat": {"model": "openai/llama", **base, "use_chat_completions_api": True},
            "claude": {"model": "anthropic/claude-sonnet-4-5", "api_base": upstream.url, "api_key": "upstream-key-3"},
        }
        config = {
            "model_list": [{"model_name": name, "litellm_params": params} for name, params in models.items()],
            "router_settings": {"num_retries": 0, "fallbacks": [{"gpt-sibling": ["claude"]}]},
            "general_settings": {"master_key": KEY, "keys": [{"key": OTHER, "name": "other"}]},
        }
        server = ServerProcess.serving(config, tmp_path_factory.mktemp("responses"))
        url = f"{server.base_url}/v1"
        first = OpenAI(base_url=url, api_key=KEY, max_retries=0)
        with first, OpenAI(base_url=url, api_key=OTHER, max_retries=0) as other:
            yield Setting(upstream, first, other)
        server.stop()


@pytest.fixture
def setting(running: Setting) -> Setting:
    running.upstream.forget()
    return running


def valid(response: Response) -> Response:
    """The response, checked against the client's own types, which it does not do by itself."""
    Response.model_validate(response.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return response


@EVERY
def test_a_question_is_answered(setting: Setting, model: str) -> None:
    setting.upstream.script("*", "Hello there.")
    response = valid(
        setting.client.responses.create(
            model=model, input="Hi", instructions="Be brief.", metadata={"team": "a"}, max_output_tokens=300
        )
    )
    assert response.output_text == "Hello there."
    assert (response.status, response.model, response.metadata) == ("completed", model, {"team": "a"})
    assert response.usage is not None
    assert response.usage.output_tokens == 2
    if model == "gpt":
        BODY.validate_python(setting.sent)
        assert setting.sent == {
            "model": "gpt-5.1", "input": "Hi", "instructions": "Be brief.", "metadata": {"team": "a"},
            "max_output_tokens": 300,
        }  # fmt: skip
    else:
        assert setting.sent["max_tokens"] == 300
        assert "metadata" not in setting.sent
        assert response.instructions == "Be brief."


@EVERY
def test_a_stream_has_the_events_of_the_api_in_order(setting: Setting, model: str) -> None:
    setting.upstream.script("*", stream=["Hel", "lo"])
    with setting.client.responses.stream(model=model, input="Hi") as stream:
        events = list(stream)
        final = valid(stream.get_final_response())
    assert [event.type for event in events] == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
        "response.content_part.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [event.sequence_number for event in events] == list(range(10))
    assert (final.output_text, final.model) == ("Hello", model)
    assert final.id == events[0].response.id


@EVERY
def test_parallel_calls_of_functions_are_streamed_and_answered(setting: Setting, model: str) -> None:
    calls = [("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})]
    setting.upstream.script("*", "", tool_calls=calls).script("*", "Cold and warm.")
    with setting.client.responses.stream(model=model, input="Weather?", tools=[WEATHER]) as stream:
        events = [EVENT.validate_python(event.model_dump(mode="json", by_alias=True)) for event in stream]
        final = stream.get_final_response()
    found = [item for item in final.output if item.type == "function_call"]
    assert [(item.name, msgspec.json.decode(item.arguments)) for item in found] == calls
    done = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert [event.item_id for event in done] == [item.id for item in found]
    outputs: list[Any] = [
        {"type": "function_call_output", "call_id": item.call_id, "output": f"{n} degrees"}
        for n, item in enumerate(found)
    ]
    answer = setting.client.responses.create(model=model, input=outputs, previous_response_id=final.id, tools=[WEATHER])
    assert answer.output_text == "Cold and warm."
    assert answer.previous_response_id == final.id
    if model == "chat":
        assert [message["role"] for message in setting.sent["messages"]] == ["user", "assistant", "tool", "tool"]
    elif model == "claude":
        assert [block["content"] for block in setting.sent["messages"][2]["content"]] == ["0 degrees", "1 degrees"]
    else:
        assert setting.sent["previous_response_id"] == RESPONSE_ID
        assert setting.sent["input"] == outputs


class Person(BaseModel):
    name: str
    age: int


@EVERY
def test_parsed_answers(setting: Setting, model: str) -> None:
    setting.upstream.script("*", '{"name": "Ada", "age": 36}')
    response = setting.client.responses.parse(model=model, input="Who?", text_format=Person)
    assert response.output_parsed == Person(name="Ada", age=36)
    if model == "chat":
        assert setting.sent["response_format"]["json_schema"]["name"] == "Person"
    elif model == "claude":
        assert setting.sent["output_config"]["format"]["schema"]["required"] == ["name", "age"]
    else:
        assert setting.sent["text"]["format"]["name"] == "Person"


@KEPT
@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_goes_on_from_what_was_kept(setting: Setting, model: str, stream: bool) -> None:
    setting.upstream.script("*", "One.").script("*", "Two.").script("*", "Three.")
    previous: str | None = None
    for turn in ("first", "second", "third"):
        if stream:
            events = list(
                setting.client.responses.create(model=model, input=turn, previous_response_id=previous, stream=True)
            )
            previous = events[-1].response.id  # type: ignore[union-attr]
        else:
            previous = setting.client.responses.create(model=model, input=turn, previous_response_id=previous).id
    text = msgspec.json.encode(setting.sent["messages"]).decode()
    places = [text.index(word) for word in ("first", "One.", "second", "Two.", "third")]
    assert places == sorted(places)
    assert "previous_response_id" not in setting.sent


@KEPT
def test_a_kept_response_is_shown_listed_and_deleted(setting: Setting, model: str) -> None:
    setting.upstream.script("*", "One.").script("*", "Two.")
    first = setting.client.responses.create(model=model, input="first", metadata={"n": "1"})
    second = setting.client.responses.create(model=model, input="second", previous_response_id=first.id)
    assert valid(setting.client.responses.retrieve(first.id)).to_dict() == first.to_dict()
    items = list(setting.client.responses.input_items.list(second.id, order="asc", limit=2))
    assert [(item.role, item.content[0].text) for item in items] == [  # type: ignore[union-attr]
        ("user", "first"), ("assistant", "One."), ("user", "second"),
    ]  # fmt: skip
    newest = setting.client.responses.input_items.list(second.id, limit=1)
    assert (newest.data[0].content[0].text, newest.has_more) == ("second", True)  # type: ignore[union-attr]
    with pytest.raises(BadRequestError, match="background"):
        setting.client.responses.cancel(first.id)
    setting.client.responses.delete(first.id)
    with pytest.raises(NotFoundError):
        setting.client.responses.retrieve(first.id)
    with pytest.raises(BadRequestError) as gone:
        setting.client.responses.create(model=model, input="third", previous_response_id=first.id)
    assert gone.value.code == "previous_response_not_found"
    setting.client.responses.create(model=model, input="third", previous_response_id=second.id)
    assert all(text in setting.upstream.last.body for text in (b"first", b"One.", b"second", b"Two.", b"third"))


@EVERY
def test_another_keys_response_is_not_found(setting: Setting, model: str) -> None:
    setting.upstream.script("*", "Secret.")
    id = setting.client.responses.create(model=model, input="first").id
    asked = len(setting.upstream.requests)
    for ask in (
        lambda: setting.other.responses.retrieve(id),
        lambda: setting.other.responses.delete(id),
        lambda: setting.other.responses.cancel(id),
        lambda: setting.other.responses.input_items.list(id),
        lambda: setting.other.responses.create(model=model, input="What was it?", previous_response_id=id),
    ):
        with pytest.raises((NotFoundError, BadRequestError), match="not found"):
            ask()
    assert len(setting.upstream.requests) == asked


@KEPT
def test_nothing_is_kept_unless_the_caller_lets_it(setting: Setting, model: str) -> None:
    setting.upstream.script("*", "One.")
    response = setting.client.responses.create(model=model, input="first", store=False)
    assert response.store is False  # type: ignore[attr-defined]
    assert "store" not in setting.sent
    with pytest.raises(NotFoundError):
        setting.client.responses.retrieve(response.id)


def test_ids_lead_back_to_the_vendor_that_keeps_the_response(setting: Setting) -> None:
    setting.upstream.script("*", "One.")
    first = setting.client.responses.create(model="gpt", input="first")
    assert RESPONSE_ID not in first.id
    whole = {"id": RESPONSE_ID, "object": "response", "model": "gpt-5.1-2025", "previous_response_id": "resp_0"}
    path = f"/v1/responses/{RESPONSE_ID}"
    setting.upstream.script(path, json={**first.to_dict(), **whole})
    again = setting.client.responses.retrieve(first.id)
    assert (again.id, again.model, again.output_text) == (first.id, "gpt", "One.")
    assert again.previous_response_id not in (None, "resp_0")
    assert (setting.upstream.last.method, setting.upstream.last.path) == ("GET", path)
    assert setting.upstream.last.header("authorization") == "Bearer upstream-key-1"
    setting.upstream.script(f"{path}/cancel", json={**first.to_dict(), **whole, "status": "cancelled"})
    assert setting.client.responses.cancel(first.id).status == "cancelled"
    assert (setting.upstream.last.method, setting.upstream.last.path) == ("POST", f"{path}/cancel")
    item = {"id": "msg_1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "first"}]}
    listed = {"object": "list", "data": [item], "first_id": "msg_1", "last_id": "msg_1", "has_more": False}
    setting.upstream.script(f"{path}/input_items", json=listed)
    assert setting.client.responses.input_items.list(first.id, limit=7).data[0].id == "msg_1"
    assert setting.upstream.last.path == f"{path}/input_items?limit=7"
    setting.client.responses.delete(first.id)
    assert (setting.upstream.last.method, setting.upstream.last.path) == ("DELETE", path)


def test_a_response_in_the_background_is_the_vendors(setting: Setting) -> None:
    queued = {
        "id": RESPONSE_ID, "object": "response", "created_at": 1, "model": "gpt-5.1-2025", "status": "queued",
        "output": [], "tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "background": True,
    }  # fmt: skip
    setting.upstream.script("*", json=queued)
    response = valid(setting.client.responses.create(model="gpt", input="first", background=True))
    assert response.status == "queued"
    events = response_pieces(
        [
            {"type": "response.created", "response": queued},
            {"type": "response.completed", "response": {**queued, "status": "completed"}},
        ]
    )
    setting.upstream.script(f"/v1/responses/{RESPONSE_ID}", sse=events)
    again = list(setting.client.responses.retrieve(response.id, stream=True, starting_after=0))
    assert [event.type for event in again] == ["response.created", "response.completed"]
    assert again[-1].response.id == response.id  # type: ignore[union-attr]
    assert "starting_after=0" in setting.upstream.last.path
    for model in TRANSLATED:
        with pytest.raises(BadRequestError) as refused:
            setting.client.responses.create(model=model, input="first", background=True)
        assert refused.value.param == "background"


def test_a_vendors_conversation_stays_in_its_account(setting: Setting) -> None:
    setting.upstream.script("*", "One.")
    first = setting.client.responses.create(model="gpt", input="first")
    setting.client.responses.create(model="gpt-sibling", input="second", previous_response_id=first.id)
    assert (setting.sent["model"], setting.sent["previous_response_id"]) == ("gpt-5-mini", RESPONSE_ID)
    for model in ("gpt-elsewhere", "claude"):
        with pytest.raises(BadRequestError) as refused:
            setting.client.responses.create(model=model, input="second", previous_response_id=first.id)
        assert refused.value.param == "previous_response_id"


def test_a_kept_conversation_goes_on_at_any_provider(setting: Setting) -> None:
    signed = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    setting.upstream.script("claude-sonnet-4-5", **anthropic_answer(signed, {"type": "text", "text": "One."}))
    first = setting.client.responses.create(model="claude", input="first")
    assert [item.type for item in first.output] == ["reasoning", "message"]
    setting.client.responses.create(model="claude", input="second", previous_response_id=first.id)
    assert setting.sent["messages"][1]["content"][0] == signed
    setting.client.responses.create(model="gpt", input="second", previous_response_id=first.id)
    BODY.validate_python(setting.sent)
    assert [item.get("type", item["role"]) for item in setting.sent["input"]] == ["message", "message", "user"]
    setting.upstream.script("llama", "Two.")
    setting.client.responses.create(model="chat", input="second", previous_response_id=first.id)
    assert [message["role"] for message in setting.sent["messages"]] == ["user", "assistant", "user"]


@KEPT
def test_tools_of_the_vendor_are_refused_by_name_elsewhere(setting: Setting, model: str) -> None:
    tools: list[Any] = [WEATHER, {"type": "web_search"}]
    with pytest.raises(BadRequestError, match=r"web_search|openai_responses") as refused:
        setting.client.responses.create(model=model, input="News?", tools=tools)
    assert refused.value.param == "tools[1]"
    setting.client.responses.create(model="gpt", input="News?", tools=tools)
    assert setting.sent["tools"] == tools


@EVERY
def test_an_upstreams_error_is_an_error_of_the_api(setting: Setting, model: str) -> None:
    setting.upstream.script("*", status=429, message="slow down", headers={"retry-after": "3"})
    with pytest.raises(RateLimitError, match="slow down") as caught:
        setting.client.responses.create(model=model, input="Hi")
    assert caught.value.response.headers["retry-after"] == "3"


@EVERY
def test_a_broken_stream_ends_with_a_failed_response_and_an_error(setting: Setting, model: str) -> None:
    setting.upstream.script("*", stream=["Hel", "lo"], half_stream=True)
    seen: list[Any] = []

    def listen() -> None:
        for event in setting.client.responses.create(model=model, input="Hi", stream=True):
            seen.append(EVENT.validate_python(event.model_dump(mode="json", by_alias=True)))

    with pytest.raises(APIError):
        listen()
    assert seen[-1].type == "response.failed"
    assert seen[-1].response.error.code == "server_error"
    assert [event.sequence_number for event in seen] == list(range(len(seen)))


def test_a_stream_that_fails_at_once_falls_back_to_another_provider(setting: Setting) -> None:
    setting.upstream.script("gpt-5-mini", status=503).script(
        "claude-sonnet-4-5", **anthropic_answer({"type": "text", "text": "Me."})
    )
    with setting.client.responses.stream(model="gpt-sibling", input="Hi") as stream:
        assert stream.get_final_response().output_text == "Me."


def test_what_chat_says_beside_text_is_said(setting: Setting) -> None:
    cited = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 3, "title": "T", "url": "u"}}
    script = openai_answer({"reasoning_content": "Hm.", "content": "One.", "annotations": [cited]}, finish="length")
    setting.upstream.script("*", **script)
    whole = valid(setting.client.responses.create(model="chat", input="Hi"))
    *_, last = setting.client.responses.create(model="chat", input="Hi", stream=True)
    for response in (whole, last.response):  # type: ignore[union-attr]
        thought, message = response.output
        assert thought.summary[0].text == "Hm."  # type: ignore[union-attr]
        assert message.content[0].annotations[0].title == "T"  # type: ignore[union-attr]
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")


@pytest.mark.parametrize("prefix", ["", "/v1", "/openai/v1", "/openai"])
def test_every_prefix_serves_all_routes(setting: Setting, prefix: str) -> None:
    setting.upstream.script("*", "One.")
    base = str(setting.client.base_url).removesuffix("/v1/")
    with OpenAI(base_url=f"{base}{prefix}", api_key=KEY, max_retries=0) as client:
        response = client.responses.create(model="claude", input="Hi")
        assert client.responses.retrieve(response.id).output_text == "One."
        assert client.responses.input_items.list(response.id).data
        client.responses.delete(response.id)
        with pytest.raises(NotFoundError):
            client.responses.cancel(response.id)
