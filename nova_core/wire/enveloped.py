"""OpenAI's chat format in a vendor's envelope: put into its words on the way out, taken out on the way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, Protocol
from uuid import uuid4

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError, StreamBrokenError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.events import Frame
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.upstream import Exchange, FrameParser, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import NOT_JSON
from nova_core.wire.file_in_json import FilesInJson
from nova_core.wire.functions_only import review_custom, with_functions_only
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import OpenAICompatible
from nova_core.wire.provider import Lane
from nova_core.wire.sse import SseParser

Body = dict[str, Any]

UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What goes wrong while data of another shape is read."""
DONE: Final = b"[DONE]"
FAILED: Final = "nova.failed"
"""The event of a frame that tells an error in OpenAI's words already."""
TEXT_ONLY: Final = frozenset({"text", "refusal"})
"""Kinds of content parts that are plain text."""
MESSAGE: Final = frozenset({"role", "content", "tool_calls", "tool_call_id"})
"""Members of messages without which a conversation with tools cannot be told."""
SAMPLING: Final = frozenset(
    {
        "temperature", "top_p", "top_k", "seed", "stop", "n", "presence_penalty", "frequency_penalty", "logit_bias",
        "logprobs", "top_logprobs",
    }
)  # fmt: skip
"""Members that say how an answer is chosen."""
TOOLS: Final = frozenset({"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"})
ANSWER_FORMS: Final = frozenset({"response_format", "modalities", "audio", "web_search_options"})
"""Members that say what kind of answer is wanted."""
HINTS: Final = frozenset(
    {
        "user", "store", "metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
        "stream_options", "verbosity", "prediction",
    }
)  # fmt: skip
"""Members that do not change what an answer means."""
CONTINUED: Final = SAMPLING | HINTS | {"model", "prompt", "stream", "max_tokens", "suffix", "echo", "best_of"}
EMBEDDED: Final = frozenset(
    {"model", "input", "encoding_format", "dimensions", "task", "input_type", "return_multivector", "user"}
)
"""All members of a text completion, and of embeddings; what a request has besides is the vendor's own."""


class Opener(Protocol):
    """Makes chunks of OpenAI's format of the events of one stream. Stateful: one per stream, events in order."""

    def chunks(self, data: Any, event: str | None) -> Iterable[Mapping[str, Any]]:
        """The chunks in one event; `data` is its JSON, decoded."""
        ...

    def end(self) -> Iterable[Mapping[str, Any]]:
        """The chunks that the end of data completes; without a finish reason the stream counts as broken."""
        ...


class Enveloped(OpenAICompatible):
    """A vendor whose chat API says in other words what OpenAI's says.

    Subclasses write `body` and `opened`, `opener` where answers are streamed, and `framing` where streams are not
    server-sent events; `enveloped` are the operations that this is about, others are sent as they are, and
    `functions_only` says that custom tools have no place in the envelope.
    """

    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT}
    enveloped: frozenset[Operation] = frozenset({"chat"})
    functions_only = False

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """What is sent for `request`, which is in OpenAI's format. Raises BadRequestError."""
        raise AssertionError("subclasses render")

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """A whole reply in OpenAI's format, of the vendor's; one with an `error` where it reports one."""
        raise AssertionError("subclasses parse")

    def opener(self, seed: str) -> Opener:
        """What reads one stream; `seed` differs for every exchange, for ids that the vendor does not give.

        Raises BadGatewayError where a vendor that has no streams answers with one.
        """
        raise BadGatewayError("the upstream answered with a stream, though its answers come whole")

    def framing(self) -> FrameParser:
        """What cuts a stream into events."""
        return SseParser()

    def review(self, request: Request) -> Fidelity:
        """What the vendor refuses, custom tools where it knows none."""
        found = super().review(request)
        custom = self.functions_only and request.dialect is OPENAI_CHAT
        return found + Fidelity(tuple(review_custom(request))) if custom else found

    def to_upstream(self, request: Request) -> Request:
        """Both names of the limit on an answer are one."""
        request = super().to_upstream(request)
        if self.functions_only and request.dialect is OPENAI_CHAT:
            request = with_functions_only(request)
        if request.dialect.operation != "chat" or (limit := request.get("max_completion_tokens")) is None:
            return request.without("max_completion_tokens")
        return request.without("max_completion_tokens").with_members({"max_tokens": limit})

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request with the vendor's body, in which the files of a form are sent as they come."""
        if lane.dialect.operation not in self.enveloped:
            return super().outgoing(lane, request, headers, streamed)
        said = self.body(request, lane, streamed=streamed)
        body = FilesInJson(said) if lane.form else msgspec.json.encode(said)
        return UpstreamRequest(lane.url, "POST", headers, body, streamed)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, the events of its stream as chunks."""
        # Reading the request says what is wrong with it, before a body is made of its members.
        assert request.operation not in self.enveloped or request.typed is not None
        exchange = super().provider_call(call, request, deployment)
        if exchange.frames is None or exchange.dialect.operation not in self.enveloped:
            return exchange
        seed = uuid4().hex
        head = {"id": f"chatcmpl-{seed}", "created": int(time.time()), "model": ""}
        return msgspec.structs.replace(exchange, frames=partial(self._opened_frames, seed, head))

    def _opened_frames(self, seed: str, head: Mapping[str, Any]) -> FrameParser:
        return OpenedFrames(self.framing(), self.opener(seed), head)

    def _read(self, dialect: Dialect, response: UpstreamResponse) -> Reply:
        if dialect.operation in self.enveloped and response.status < 300:
            response = self._opened_response(response, dialect.operation)
        return super()._read(dialect, response)

    def _opened_response(self, response: UpstreamResponse, operation: Operation) -> UpstreamResponse:
        try:
            answer = msgspec.json.decode(response.body)
        except NOT_JSON:
            return response  # what it is instead is told by whoever reads it next
        try:
            opened = self.opened(answer, operation)
        except UNREADABLE as error:
            raise BadGatewayError("the upstream's answer has not the shape of a reply") from error
        return UpstreamResponse(response.status, response.headers, msgspec.json.encode(opened))


class OpenedFrames:
    """A frame parser whose events become chunks of OpenAI's format, with what vendors do not say that clients need."""

    __slots__ = ("_head", "_opener", "_parser")

    def __init__(self, parser: FrameParser, opener: Opener, head: Mapping[str, Any]) -> None:
        self._parser = parser
        self._opener = opener
        self._head = head

    def feed(self, data: bytes) -> list[Frame]:
        """Chunks completed by `data`. Raises StreamBrokenError for events that are no piece of an answer."""
        return [made for frame in self._parser.feed(data) for made in self._opened(frame)]

    def end(self) -> list[Frame]:
        """Chunks left at the end of data. Raises StreamBrokenError for what is no end of an answer."""
        rest = [made for frame in self._parser.end() for made in self._opened(frame)]
        return [*rest, *self._read(self._opener.end)]

    def _opened(self, frame: Frame) -> list[Frame]:
        if frame.data.strip() == DONE or frame.event == FAILED:
            return [frame]
        try:
            data = msgspec.json.decode(frame.data)
        except NOT_JSON as error:
            raise StreamBrokenError("the upstream's stream holds an event that is not JSON") from error
        return self._read(lambda: self._opener.chunks(data, frame.event))

    def _read(self, chunks: Callable[[], Iterable[Mapping[str, Any]]]) -> list[Frame]:
        try:
            return [self._framed(chunk) for chunk in chunks()]
        except UNREADABLE as error:
            raise StreamBrokenError("the upstream's event has not the shape of a piece of an answer") from error

    def _framed(self, chunk: Mapping[str, Any]) -> Frame:
        return _frame({**self._head, **chunk} if "choices" in chunk else chunk)


def failed_frame(error: NovaError) -> Frame:
    """An error that a stream's framing tells, for whoever reads the chunks: what came before it is read first."""
    return Frame(msgspec.json.encode(OPENAI_CHAT.render_error(error)), FAILED)


def call_id(seed: str, place: int) -> str:
    """The id of the call at `place` of an answer."""
    return f"call_{seed[:20]}{place:04d}"


def reply(message: Mapping[str, Any], finish: str | None, usage: Mapping[str, Any] | None = None, **more: Any) -> Body:
    """A whole reply of one choice; `more` are members such as `id` and `model`."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish or "stop"}
    head = {"id": f"chatcmpl-{uuid4().hex}", "object": "chat.completion", "created": int(time.time()), "model": ""}
    return {**head, **more, "choices": [choice], **({"usage": usage} if usage else {})}


def chunk(
    delta: Mapping[str, Any], finish: str | None = None, usage: Mapping[str, Any] | None = None, **more: Any
) -> Body:
    """One chunk of one choice; `more` are members such as `id` and `model`."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", **more, "choices": [choice], **({"usage": usage} if usage else {})}


def usage_of(given: Any, made: Any, *, cached: Any = None, reasoning: Any = None) -> Body | None:
    """A `usage` object; None where a count is missing."""
    if not (_is_count(given) and _is_count(made)):
        return None
    usage: Body = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    if _is_count(cached) and cached:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    if _is_count(reasoning) and reasoning:
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return usage


def failure(message: Any, code: Any = None) -> Body:
    """A reply or chunk that reports an error of the upstream."""
    said = message if isinstance(message, str) and message else "the upstream failed without a message"
    return {"error": {"message": said, **({"code": str(code)} if code is not None else {})}}


def text_of(content: Any) -> str:
    """The text of a message's content; parts of it are a line apart."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    said = (part.get("text") or part.get("refusal") for part in parts if isinstance(part, Mapping))
    return "\n".join(text for text in said if isinstance(text, str))


def vendors_own(members: Mapping[str, Any], known: Collection[str]) -> Body:
    """The members that are given and not `known`."""
    return {name: value for name, value in members.items() if name not in known and value is not None}


def unsaid(
    request: Request, why: str, *, parts: frozenset[str] = TEXT_ONLY, members: frozenset[str] = MESSAGE
) -> Iterator[FieldNote]:
    """Notes on what messages hold besides: parts of other kinds are lost, other members are hints."""
    messages = request.get("messages")
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        path = f"messages[{place}]"
        if not isinstance(message, Mapping):
            raise BadRequestError(f"`{path}` must be an object", param=path)
        content = message.get("content")
        for number, part in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(part, Mapping) or part.get("type") not in parts:
                yield FieldNote(f"{path}.content[{number}]", Fate.LOST, why)
        for name, value in message.items():
            if name not in members and value not in (None, "", []):
                yield FieldNote(f"{path}.{name}", Fate.HINT)


def _frame(made: Mapping[str, Any]) -> Frame:
    return Frame(msgspec.json.encode(made))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
