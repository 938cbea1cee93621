"""OpenAI's transcription and translation of audio (`/v1/audio/transcriptions`, `/v1/audio/translations`): forms."""

# Source: OpenAI API reference, "Create transcription" and "Create translation".

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.dialect import StreamDecoder, StreamEncoder, StreamRelay
from nova_core.types.events import Event, Finish, TextDelta, UsageUpdate
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Members, Operation, RawReply, Reply, TypedReply, TypedRequest, decoded
from nova_core.types.upload import File
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire import subtitles
from nova_core.wire.multipart import flags, form_members
from nova_core.wire.openai_chat.errors import render_error
from nova_core.wire.transcript_stream import TranscriptDecoder, TranscriptEncoder, transcript_relay
from nova_core.wire.transcript_usage import rendered_usage, seconds_in, usage_in
from nova_core.wire.upstream_errors import facts_of

TEXTS = ("language", "prompt", "response_format")
LISTS = ("timestamp_granularities", "include")
KNOWN = frozenset({"model", "file", "temperature", "stream", *TEXTS, *LISTS})
TRANSLATED = frozenset({"model", "file", "temperature", "prompt", "response_format"})
"""The fields of a translation."""
KNOWN_REPLY = frozenset({"text", "language", "duration", "words", "segments", "usage", "task"})
PLAIN = {"text": "text/plain; charset=utf-8", "srt": "application/x-subrip", "vtt": "text/vtt; charset=utf-8"}
"""Formats of replies that are no JSON → their content types."""
NO_TRANSCRIPT = ("text/html", "text/event-stream")


class OpenAITranscriptions:
    """The dialect of `operation`; `translation` is the one into English, which has fewer fields and no streams."""

    live_after = ("model",)

    def __init__(self, operation: Operation) -> None:
        self.operation: Operation = operation
        self.name = f"openai_{operation}s"
        self._known = TRANSLATED if operation == "translation" else KNOWN

    def from_form(self, fields: Iterable[tuple[str, str | File]]) -> dict[str, Any]:
        """See `TakesForms`."""
        return flags(form_members(fields), "stream")

    def check_request(self, members: Members) -> None:
        """`model`, one `file`, and the types of the documented fields."""
        model = decoded(members.get("model"))
        if not isinstance(model, str) or not model:
            raise BadRequestError("`model` is required and must be a string", param="model")
        file = members.get("file")
        if not isinstance(file, File):
            problem = "is required" if file is None else "must be one file, sent as a part with a filename"
            raise BadRequestError(f"`file` {problem}", param="file")
        for name in TEXTS:
            if not isinstance(decoded(members.get(name)), str | None):
                raise BadRequestError(f"`{name}` must be a string", param=name)
        for name in LISTS:
            _texts(name, decoded(members.get(name)))
        _number("temperature", decoded(members.get("temperature")))

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field."""
        self.check_request(members)
        rest = {name: value for name, value in members.items() if name not in self._known}
        known: dict[str, Any] = {name: members.get(name) for name in TEXTS if name in self._known}
        known |= {name: _texts(name, members.get(name)) for name in LISTS if name in self._known}
        return TranscriptionRequest(
            model=members["model"],
            file=members["file"],
            temperature=_number("temperature", members.get("temperature")),
            stream=members.get("stream") is True and "stream" in self._known,
            translation=self.operation == "translation",
            extra={self.name: rest} if rest else {},
            **known,
        )

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the form; extras of this dialect are put back."""
        if not isinstance(typed, TranscriptionRequest):
            raise BadRequestError(f"this cannot be sent as a request for {self.operation}")
        given: dict[str, Any] = {"model": typed.model, "file": typed.file}
        for name in (*TEXTS, *LISTS, "temperature", "stream"):
            value = getattr(typed, name)
            if value is not None and value is not False and value != ():
                given[name] = list(value) if isinstance(value, tuple) else value
        lost = [FieldNote(name, Fate.LOST) for name in given if name not in self._known]
        lost += [
            FieldNote(name, Fate.LOST, f"only {dialect} has it")
            for dialect, extra in typed.extra.items()
            for name in (extra if dialect != self.name else ())
        ]
        members = {name: value for name, value in given.items() if name in self._known}
        return {**members, **typed.extra.get(self.name, {})}, Fidelity(tuple(lost))

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Defaults where the caller gave nothing."""
        added = {name: value for name, value in defaults.items() if members.get(name) is None}
        return {**members, **added} if added else members

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """See `ReadsRaw`: a transcript as text or subtitles."""
        kind = response.headers.get("content-type", "").lower()
        if kind.startswith("application/json") or (not kind and response.body[:1] == b"{"):
            return None
        if kind.startswith(NO_TRANSCRIPT):
            raise BadGatewayError(f"the upstream's answer is no transcript, it is {kind.partition(';')[0]}")
        return RawReply(self.operation, self, response.body, kind or PLAIN["text"])

    def check_reply(self, members: Members) -> None:
        """A `text`, or `segments`, and no `error`."""
        if (error := decoded(members.get("error"))) is not None:
            facts = facts_of(msgspec.json.encode({"error": error}))
            raise BadGatewayError(f"the upstream answered 200 with an error: {facts.message}")
        if "text" not in members and "segments" not in members:
            raise BadGatewayError("the upstream's answer is no transcript: it has no `text`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError."""
        self.check_reply(members)
        text, segments = members.get("text"), _objects(members.get("segments"))
        if not isinstance(text, str):
            text = " ".join(str(segment.get("text", "")).strip() for segment in segments or ())
        rest = {name: value for name, value in members.items() if name not in KNOWN_REPLY}
        language = members.get("language")
        return TranscriptionReply(
            text=text,
            language=language if isinstance(language, str) else None,
            duration=seconds_in(members.get("duration")),
            words=_objects(members.get("words")),
            segments=segments,
            usage=self.usage_of(members),
            extra={self.name: rest} if rest else {},
        )

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """All that is known of the transcript, as `verbose_json` has it."""
        if not isinstance(typed, TranscriptionReply):
            raise BadGatewayError(f"this cannot be answered as a {self.operation}")
        told = {
            "task": "translate" if self.operation == "translation" else "transcribe",
            "language": typed.language,
            "duration": typed.duration,
            "text": typed.text,
            "words": None if typed.words is None else list(typed.words),
            "segments": None if typed.segments is None else list(typed.segments),
            "usage": None if typed.usage is None else rendered_usage(typed.usage),
        }
        known = {name: value for name, value in told.items() if value is not None}
        return {**known, **typed.extra.get(self.name, {})}

    def said_as_asked(self, reply: Reply, members: Members) -> Reply:
        """See `SaysAsAsked`: a JSON reply as text or subtitles, for who wants them."""
        wanted = decoded(members.get("response_format"))
        if wanted not in PLAIN or isinstance(reply, RawReply):
            return reply
        typed = reply.typed
        assert isinstance(typed, TranscriptionReply)
        said = {"srt": subtitles.srt, "vtt": subtitles.vtt}.get(wanted, _plain)(typed)
        headers, usage = reply.headers, reply.usage
        return RawReply(self.operation, self, said.encode(), PLAIN[wanted], typed=typed, headers=headers, usage=usage)

    def events(self, typed: TypedReply) -> tuple[Event, ...]:
        """See `StreamsWhole`."""
        assert isinstance(typed, TranscriptionReply)
        counted = () if typed.usage is None else (UsageUpdate(typed.usage),)
        return (TextDelta(0, 0, typed.text), *counted, Finish(0, "stop"))

    def usage_of(self, members: Members) -> Usage | None:
        """`usage`, else the seconds of the audio."""
        found = usage_in(decoded(members.get("usage")))
        if found is None and (seconds := seconds_in(decoded(members.get("duration")))) is not None:
            return Usage(units=Units(input_seconds=seconds))
        return found

    def decoder(self) -> StreamDecoder:
        """See `Dialect.decoder`."""
        return TranscriptDecoder()

    def encoder(self, *, model: str, include_usage: bool) -> StreamEncoder:
        """See `Dialect.encoder`."""
        return TranscriptEncoder()

    def relay(self, *, model: str, hide_usage: bool = False) -> StreamRelay:
        """See `Dialect.relay`."""
        return transcript_relay()

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """OpenAI's error body."""
        return render_error(error)


def _plain(typed: TranscriptionReply) -> str:
    return typed.text if typed.text.endswith("\n") else f"{typed.text}\n"


def _texts(name: str, value: Any) -> tuple[str, ...]:
    """A list of strings; a single one is a list of itself."""
    items = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise BadRequestError(f"`{name}` must be a list of strings", param=name)
    return tuple(items)


def _number(name: str, value: Any) -> float | None:
    """A number, which forms write as text."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadRequestError(f"`{name}` must be a number", param=name) from None


def _objects(value: Any) -> tuple[Mapping[str, Any], ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(item for item in value if isinstance(item, dict))


OPENAI_TRANSCRIPTIONS = OpenAITranscriptions("transcription")
OPENAI_TRANSLATIONS = OpenAITranscriptions("translation")
