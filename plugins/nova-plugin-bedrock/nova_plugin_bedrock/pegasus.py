"""TwelveLabs' Pegasus: one question about one video."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-pegasus.html

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.wire.enveloped import (
    ANSWER_FORMS,
    SAMPLING,
    TEXT_ONLY,
    TOOLS,
    Body,
    Opener,
    chunk,
    reply,
    text_of,
    unsaid,
)
from nova_core.wire.openai_chat.content import data_url
from nova_core.wire.provider import Lane
from nova_plugin_bedrock.invoking import Invoked, counted, models_own, stopped

VIDEO: Final = "video_url"


class Pegasus(Invoked):
    """A video as data (a part `video_url`), or from S3 (`s3://…`; `mediaSource` says whose bucket it is)."""

    unsupported = (SAMPLING - {"temperature"}) | TOOLS | (ANSWER_FORMS - {"response_format"}) | {"reasoning_effort"}

    def review(self, request: Request) -> Fidelity:
        """What the model cannot be told."""
        return super().review(request) + Fidelity(tuple(_notes(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """Prompt and video. Raises BadRequestError without a video."""
        members = plain(request.members)
        said: Body = {"inputPrompt": "\n\n".join(text for each in members["messages"] if (text := _text(each)))}
        own = models_own(members)
        said["mediaSource"] = own.get("mediaSource") or _source(members["messages"])
        if members.get("temperature") is not None:
            said["temperature"] = members["temperature"]
        if members.get("max_tokens") is not None:
            said["maxOutputTokens"] = members["max_tokens"]
        wanted = members.get("response_format") or {}
        if isinstance(wanted.get("json_schema"), Mapping):
            said["responseFormat"] = {"jsonSchema": wanted["json_schema"].get("schema")}
        return {**said, **own}

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """A whole reply."""
        finish = "content_filter" if stopped(answer) else answer.get("finishReason")
        return reply({"content": answer["message"]}, finish, counted(answer))

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return PegasusOpener()


class PegasusOpener:
    """Reads one stream, whose last chunk says why it ended."""

    def chunks(self, data: Any, event: str | None) -> Iterable[Mapping[str, Any]]:
        """The chunk of one event."""
        reason = data.get("stopReason") or data.get("finishReason") or None
        finish = "content_filter" if stopped(data) else reason
        text = data["message"]
        return [chunk({"content": text} if text else {}, finish, counted(data) if finish else None)]

    def end(self) -> Iterable[Mapping[str, Any]]:
        """Nothing is held back."""
        return ()


def _notes(request: Request) -> Iterator[FieldNote]:
    yield from unsaid(request, "the model is told text and a video", parts=TEXT_ONLY | {VIDEO})
    messages = request.get("messages")
    if isinstance(messages, list) and len(messages) > 1:
        yield FieldNote("messages", Fate.APPROXIMATED, "said as one prompt")
    if len(_videos(messages)) > 1:
        yield FieldNote("messages", Fate.LOST, "the model watches one video")
    wanted = request.get("response_format")
    if isinstance(wanted, Mapping) and wanted.get("type") == "json_object":
        yield FieldNote("response_format", Fate.LOST, "the model is held to a schema, or to nothing")


def _text(message: Mapping[str, Any]) -> str:
    return text_of(message.get("content"))


def _videos(messages: Any) -> list[str]:
    parts = [
        part
        for message in messages or ()
        if isinstance(message, Mapping) and isinstance(message.get("content"), list)
        for part in message["content"]
        if isinstance(part, Mapping) and part.get("type") == VIDEO
    ]
    said = [part.get(VIDEO) for part in parts]
    return [str(video.get("url")) if isinstance(video, Mapping) else str(video) for video in said]


def _source(messages: list[Any]) -> Body:
    for video in _videos(messages)[-1:]:
        if video.startswith("s3://"):
            return {"s3Location": {"uri": video}}
        if (found := data_url(video)) is not None:
            return {"base64String": found[1]}
    raise BadRequestError(
        "the model watches a video: a part `video_url` with data or an address in S3", param="messages"
    )
