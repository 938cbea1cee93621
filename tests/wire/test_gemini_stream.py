"""Streams of the Gemini API: into events, out of events, passed on; as events and as arrays."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import NovaError, RateLimitedError, StreamBrokenError
from nova_core.types.chat import Audio, ChatReply, Choice, Citation, Message, Opaque, Refusal, Text, Thinking, ToolCall
from nova_core.types.dialect import Dialect
from nova_core.types.events import Finish, Frame, UsageUpdate
from nova_core.types.usage import Usage
from nova_core.wire.assemble import assemble, disassemble
from nova_core.wire.gemini import GEMINI_GENERATE, GEMINI_GENERATE_ARRAY
from nova_core.wire.gemini.framing import ArrayParser, ContentParser
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.sse import SseParser
from tests.wire.gemini_said import NAME, Json, events_of, frame, piece, read, valid_reply

USAGE: Json = {"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 14}
STREAM: tuple[Json, ...] = (
    piece({"text": "Let me ", "thought": True}),
    piece({"text": "think.", "thought": True}),
    piece({"text": 'Grüße, "Oslo" {[\\'}),
    piece({"text": " 🌊"}),
    piece({"functionCall": {"id": "a", "name": "f", "args": {"x": "]}"}}, "thoughtSignature": "c2ln"}),
    piece({"functionCall": {"id": "b", "name": "g", "args": {}}}),
    {**piece({"text": ""}, finishReason="STOP"), "usageMetadata": USAGE},
)
WHOLE = ChatReply(
    "r1",
    "up",
    assemble(events_of(*STREAM)).choices,
    Usage(input=9, output=3, reasoning=2),
)


def test_a_stream_says_what_the_whole_reply_says() -> None:
    assert assemble(events_of(*STREAM)) == WHOLE
    parts = [part for found in STREAM for part in found["candidates"][0]["content"]["parts"] if part.get("text") != ""]
    whole = {**piece(*parts, finishReason="STOP"), "usageMetadata": USAGE}
    typed = GEMINI_GENERATE.parse_reply(whole)
    assert isinstance(typed, ChatReply)
    said = [part for part in WHOLE.choices[0].message.parts if part != Text("")]
    assert said == [
        Thinking("Let me think."), Text('Grüße, "Oslo" {[\\ 🌊'), Thinking("", "gemini_generate:c2ln"),
        ToolCall("a", "f", '{"x":"]}"}'), ToolCall("b", "g", "{}"),
    ]  # fmt: skip
    assert (typed.usage, typed.choices[0].finish) == (WHOLE.usage, "tool_calls")


def sse(*pieces: Json) -> bytes:
    return b"".join(b"data: " + msgspec.json.encode(found) + b"\r\n\r\n" for found in pieces)


def array(*pieces: Json) -> bytes:
    return b"[" + b",\r\n".join(msgspec.json.encode(found) for found in pieces) + b"]"


@pytest.mark.parametrize("body", [sse(*STREAM), array(*STREAM)], ids=["events", "array"])
def test_frames_are_the_same_wherever_the_bytes_are_split(body: bytes) -> None:
    parser = ContentParser()
    expected = [found.data for found in (*parser.feed(body), *parser.end())]
    assert [msgspec.json.decode(data) for data in expected] == list(STREAM)
    for place in range(1, len(body)):
        parser = ContentParser()
        found = [*parser.feed(body[:place]), *parser.feed(body[place:]), *parser.end()]
        assert [one.data for one in found] == expected
    parser = ContentParser()
    single = [found for byte in body for found in parser.feed(bytes((byte,)))]
    assert [one.data for one in (*single, *parser.end())] == expected


@pytest.mark.parametrize("body", [b"[1]", b'["x"]', b'[{"a":1}', b"[{]", b"[[1]"])
def test_an_array_that_is_none_of_objects_or_is_cut_is_broken(body: bytes) -> None:
    with pytest.raises(StreamBrokenError):
        decoded_array(body)


def decoded_array(body: bytes) -> None:
    parser = ArrayParser()
    for found in (*parser.feed(body), *parser.end()):
        GEMINI_GENERATE.decoder().decode(found)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([*map(msgspec.json.encode, STREAM)])
        | st.binary(max_size=12)
        | st.recursive(
            st.none() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(
                        ["candidates", "content", "parts", "text", "functionCall", "name", "partialArgs", "jsonPath",
                         "usageMetadata", "finishReason", "index", "promptFeedback", "groundingMetadata", "error"]
                    ),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=6,
        ).map(msgspec.json.encode),
        max_size=6,
    )
)  # fmt: skip
def test_whatever_comes_is_an_answer_or_an_error_and_never_half_an_answer(frames: list[bytes]) -> None:
    decoder = GEMINI_GENERATE.decoder()
    relay = GEMINI_GENERATE.relay(model="m")
    finished = False
    try:
        for data in frames:
            relay.relay(Frame(data))
        relay.end()
        finished = True
    except NovaError:
        pass
    try:
        events = [event for data in frames for event in decoder.decode(Frame(data))]
        decoder.end()
    except NovaError:
        return
    assert any(isinstance(event, Finish) for event in events)
    assert finished


@pytest.mark.parametrize("stop", range(len(STREAM) - 1))
def test_a_stream_that_is_cut_is_broken_wherever_it_is_cut(stop: int) -> None:
    with pytest.raises(StreamBrokenError):
        events_of(*STREAM[:stop])
    relay = GEMINI_GENERATE.relay(model="m")
    for found in STREAM[:stop]:
        relay.relay(frame(found))
    with pytest.raises(StreamBrokenError):
        relay.end()


def test_an_error_in_a_stream_is_that_error() -> None:
    error = {
        "error": {
            "code": 429,
            "message": "Quota exceeded",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}],
        }
    }
    for data in (error, [error]):
        for read_ in (GEMINI_GENERATE.decoder().decode, GEMINI_GENERATE.relay(model="m").relay):
            with pytest.raises(RateLimitedError) as caught:
                read_(frame(data))
            assert caught.value.retry_after == 3.5


def test_a_blocked_prompt_is_an_answer_that_was_filtered() -> None:
    blocked: Json = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4}}
    reply = assemble(events_of(blocked))
    assert (reply.choices[0].finish, reply.choices[0].native_finish) == ("content_filter", "PROHIBITED_CONTENT")
    whole = GEMINI_GENERATE.parse_reply(blocked)
    assert isinstance(whole, ChatReply)
    assert whole.choices == reply.choices
    assert GEMINI_GENERATE.render_reply(whole)["promptFeedback"] == blocked["promptFeedback"]
    relay = GEMINI_GENERATE.relay(model="m")
    relay.relay(frame(blocked))
    assert relay.end() == b""


def test_arguments_that_are_streamed_in_pieces_are_one_call() -> None:
    def call(*pieces: Json, more: bool = True, **fields: Any) -> Json:
        return piece({"functionCall": {**fields, "partialArgs": list(pieces), "willContinue": more}})

    events = events_of(
        call(name="book", id="c"),
        call({"jsonPath": "$.city", "stringValue": "Os"}, {"jsonPath": "$.days[1]", "numberValue": 2}),
        call({"jsonPath": "$.city", "stringValue": "lo"}, {"jsonPath": "$.who.name", "nullValue": "NULL_VALUE"}),
        piece({"functionCall": {}}),
        piece(finishReason="STOP"),
    )
    made = assemble(events).choices[0].message.parts[0]
    assert isinstance(made, ToolCall)
    assert msgspec.json.decode(made.arguments) == {"city": "Oslo", "days": [None, 2], "who": {"name": None}}


def test_spoken_pieces_are_joined_to_base64_of_all_bytes() -> None:
    spoken = [b"\x01\x02", b"\x03\x04\x05\x06\x07", b"\x08"]
    data = [{"inlineData": {"mimeType": "audio/L16", "data": base64.b64encode(raw).decode()}} for raw in spoken]
    part = assemble(events_of(*map(piece, data), piece(finishReason="STOP"))).choices[0].message.parts[0]
    assert isinstance(part, Audio)
    assert base64.b64decode(part.source.data or "", validate=True) == b"".join(spoken)


def test_a_picture_is_kept_whole_in_a_stream_and_in_a_reply() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    streamed = assemble(events_of(piece(picture), piece(finishReason="STOP")))
    whole = GEMINI_GENERATE.parse_reply(piece(picture, finishReason="STOP"))
    assert isinstance(whole, ChatReply)
    assert streamed.choices == whole.choices
    assert streamed.choices[0].message.parts == (Opaque(NAME, picture),)


def test_sources_are_cited_on_the_text() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "http://a", "title": "A"}}, {"web": {"uri": "http://b", "title": "B"}}],
        "groundingSupports": [{"segment": {"text": "x"}, "groundingChunkIndices": [1]}],
    }
    reply = assemble(events_of(piece({"text": "x"}), piece(finishReason="STOP", groundingMetadata=grounding)))
    text = reply.choices[0].message.parts[0]
    assert isinstance(text, Text)
    assert [(cited.url, cited.cited_text) for cited in text.citations] == [("http://b", "x"), ("http://a", None)]
    assert reply.choices[0].extra == {NAME: {"groundingMetadata": grounding}}


def test_usage_and_the_finish_are_told_once_for_all() -> None:
    counted = [{**found, "usageMetadata": USAGE} for found in STREAM]
    events = events_of(*counted, piece(finishReason="STOP"))
    assert sum(isinstance(event, UsageUpdate) for event in events) == 1
    assert sum(isinstance(event, Finish) for event in events) == 1


@pytest.mark.parametrize(("dialect", "parser"), [(GEMINI_GENERATE, SseParser), (GEMINI_GENERATE_ARRAY, ArrayParser)])
def test_what_is_encoded_reads_the_same_in_both_framings(dialect: Dialect, parser: type[Any]) -> None:
    encoder = dialect.encoder(model="mine", include_usage=False)
    body = b"".join([*map(encoder.encode, disassemble(WHOLE)), encoder.end()])
    if parser is ArrayParser:
        pieces = msgspec.json.decode(body)
    else:
        pieces = [msgspec.json.decode(found.data) for found in SseParser().feed(body)]
    for found in pieces:
        valid_reply(found)
        assert found["modelVersion"] == "mine"
    again = read(body)
    said = [part for part in WHOLE.choices[0].message.parts if part != Text("")]
    assert list(again.choices[0].message.parts) == said
    assert (again.usage, again.choices[0].finish) == (WHOLE.usage, "tool_calls")
    whole = valid_reply(GEMINI_GENERATE.render_reply(WHOLE))
    assert whole.function_calls is not None
    assert [call.name for call in whole.function_calls] == ["f", "g"]


def test_words_of_other_dialects_are_said_as_near_as_can_be() -> None:
    cited = Citation("openai_chat", {}, url="http://a", title="A", start=0, end=1)
    reply = ChatReply(
        "x",
        "gpt",
        (
            _choice(Thinking("Hm.", "not base64!"), Text("x", citations=(cited,)), finish="length"),
            _choice(Refusal("No."), finish="stop", index=1),
            _choice(ToolCall("c", "f", "[1]"), finish="tool_calls", index=2),
        ),
        Usage(input=5, cache_read=2, output=1),
    )
    whole = valid_reply(GEMINI_GENERATE.render_reply(reply))
    first, second, third = whole.candidates or []
    assert [first.finish_reason, second.finish_reason, third.finish_reason] == ["MAX_TOKENS", "SAFETY", "STOP"]
    assert first.citation_metadata is not None
    assert third.content is not None
    assert (third.content.parts or [])[0].function_call.args == {"INVALID_JSON": "[1]"}  # type: ignore[union-attr]
    assert whole.usage_metadata is not None
    assert (whole.usage_metadata.prompt_token_count, whole.usage_metadata.cached_content_token_count) == (7, 2)


def _choice(*parts: Any, finish: Any, index: int = 0) -> Any:
    return Choice(index, Message("assistant", parts), finish)


@pytest.mark.parametrize("signature", ["not base64!", "c2lnbmVk/+==", "c2ln", "ErUB+/9k"])
def test_signatures_come_back_as_they_were_from_clients_that_write_bytes_anew(signature: str) -> None:
    reply = ChatReply("x", "m", (_choice(Thinking("Hm.", signature), Text("x"), finish="stop"),))
    whole = valid_reply(GEMINI_GENERATE.render_reply(reply))
    assert whole.candidates
    content = msgspec.json.decode(whole.candidates[0].content.model_dump_json(by_alias=True, exclude_none=True))  # type: ignore[union-attr]
    typed: Any = GEMINI_GENERATE.parse_request({"model": "m", "contents": [content]})
    assert typed.messages[0].parts[0] == Thinking("Hm.", signature)


def test_a_stream_passed_on_keeps_its_bytes_but_the_models_name() -> None:
    for dialect in (GEMINI_GENERATE, GEMINI_GENERATE_ARRAY):
        relay = dialect.relay(model="mine")
        body = b"".join([*(relay.relay(frame(found)) for found in STREAM), relay.end()])
        named = [{**found, "modelVersion": "mine"} for found in STREAM]
        parser = ContentParser()
        assert [msgspec.json.decode(found.data) for found in (*parser.feed(body), *parser.end())] == named
        assert relay.usage == WHOLE.usage
    broken = relay.fail(StreamBrokenError("gone"))
    assert msgspec.json.decode(b"[{}" + broken)[-1]["error"]["status"] == "INTERNAL"


@pytest.mark.parametrize("parts", [True, 5, "hi"])
def test_parts_that_are_no_list_are_none(parts: Any) -> None:
    typed = GEMINI_GENERATE.parse_reply({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})
    assert isinstance(typed, ChatReply)
    assert typed.choices[0].message.parts == ()


def test_images_in_answers_are_those_of_chat_completions_and_go_back() -> None:
    """Whole, streamed and replayed: `images` beside `content`, as other vendors of that format answer."""
    parts = [{"text": "Here."}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]
    typed = GEMINI_GENERATE.parse_reply({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})
    said = OPENAI_CHAT.render_reply(typed)["choices"][0]["message"]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}, "index": 0}
    assert (said["content"], said["images"], "provider_specific_fields" in said) == ("Here.", [image], False)
    encoder = OPENAI_CHAT.encoder(model="m", include_usage=False)
    frames = encoder.encode(tuple(events_of(piece(*parts, finishReason="STOP"))))
    assert msgspec.json.encode({"images": [image]})[1:-1] in frames
    request = {
        "model": "m",
        "messages": [{"role": "user", "content": "Draw."}, said, {"role": "user", "content": "And?"}],
    }
    members, fidelity = GEMINI_GENERATE.render_request(OPENAI_CHAT.parse_request(request))
    assert members["contents"][1]["parts"] == parts
    assert fidelity.dropped == ()
