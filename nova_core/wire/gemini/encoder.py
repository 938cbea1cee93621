"""Events into the stream of a generateContent caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from nova_core.errors import NovaError, StreamBrokenError
from nova_core.types.chat import Citation
from nova_core.types.events import (
    AudioDelta,
    BlockEvent,
    BlockStop,
    CitationDelta,
    Event,
    ExtraDelta,
    Finish,
    LogprobsDelta,
    OpaqueBlock,
    Piece,
    RefusalDelta,
    SignatureDelta,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.types.usage import Usage
from nova_core.wire.gemini.answer import SPOKEN, call_body
from nova_core.wire.gemini.cited import citation_metadata
from nova_core.wire.gemini.errors import render_error
from nova_core.wire.gemini.fields import NAME, native
from nova_core.wire.gemini.finish import render_finish
from nova_core.wire.gemini.framing import Framing
from nova_core.wire.gemini.logprobs import render_logprobs
from nova_core.wire.gemini.signatures import write_signature
from nova_core.wire.gemini.usage import render_usage

Body = dict[str, Any]


@dataclass(slots=True)
class _Call:
    """A tool call whose arguments are still coming: on this wire it is said at once."""

    start: ToolCallStart
    arguments: list[str] = field(default_factory=list)

    def body(self) -> Body:
        """The part."""
        start = self.start
        call = call_body(start.id, start.name, "".join(self.arguments), custom=start.custom)
        return {"functionCall": call}


@dataclass(slots=True)
class _Said:
    """One candidate: parts not yet written, and what is known of it so far."""

    parts: list[Body] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    thoughts: set[int] = field(default_factory=set)
    signature: str = ""
    signed: int = -1
    audio: str = ""
    cited: list[Citation] = field(default_factory=list)
    members: Body = field(default_factory=dict)
    finish: Finish | None = None
    refused: bool = False

    def add(self, body: Body) -> None:
        """One more part, which carries a signature that waits; text goes on in the part before it."""
        if self.signature:
            body["thoughtSignature"] = write_signature(self.signature)
            self.signature = ""
        last = self.parts[-1] if self.parts else {}
        if body.keys() == last.keys() and body.keys() <= {"text", "thought"}:
            last["text"] += body["text"]
        else:
            self.parts.append(body)

    def sign(self, block: int) -> None:
        """Say the signature of a thought when another block begins; any other waits for the next part."""
        if self.signature and block != self.signed and self.signed in self.thoughts:
            self.parts.append({"text": "", "thought": True, "thoughtSignature": write_signature(self.signature)})
            self.signature = ""

    def flush(self) -> None:
        """Nothing more will come of any block."""
        self.sign(-1)
        for block in sorted(self.calls):
            self.add(self.calls.pop(block).body())
        if self.signature:
            self.add({"text": ""})


class Encoder:
    """Events into pieces of a reply; the last piece has the reasons for the end and the usage."""

    __slots__ = ("_extra", "_framing", "_id", "_model", "_said", "_usage", "_usage_extra")

    def __init__(self, *, model: str, framing: Framing) -> None:
        self._model = model
        self._framing = framing
        self._id = ""
        self._said: dict[int, _Said] = {}
        self._usage: Usage | None = None
        self._usage_extra: Body = {}
        self._extra: Body = {}

    def encode(self, events: tuple[Event, ...]) -> bytes:
        """The bytes of these events; may be empty."""
        for event in events:
            self._take(event)
        candidates = [self._candidate(index, said) for index, said in self._said.items() if said.parts]
        return self._piece({"candidates": candidates}) if candidates else b""

    def end(self) -> bytes:
        """The last piece; a broken end when a candidate, or all of them, did not finish."""
        if not self._said or any(said.finish is None for said in self._said.values()):
            return self.fail(StreamBrokenError("the answer stopped without a finish reason"))
        for said in self._said.values():
            said.flush()
        blocked = "promptFeedback" in self._extra
        candidates = [self._last(index, said) for index, said in sorted(self._said.items())]
        body: Body = {} if blocked else {"candidates": candidates}
        if self._usage is not None:
            body["usageMetadata"] = render_usage(self._usage, self._usage_extra)
        return self._piece(body) + self._framing.end()

    def fail(self, error: NovaError) -> bytes:
        """An error in place of the next piece."""
        return self._framing.piece(msgspec.json.encode(render_error(error))) + self._framing.end()

    def _piece(self, body: Body) -> bytes:
        named = {"modelVersion": self._model, **({"responseId": self._id} if self._id else {})}
        extra, self._extra = self._extra, {}
        return self._framing.piece(msgspec.json.encode(body | extra | named))

    def _candidate(self, index: int, said: _Said) -> Body:
        parts, said.parts = said.parts, []
        members, said.members = said.members, {}
        return {"content": {"parts": parts, "role": "model"}, "index": index, **members}

    def _last(self, index: int, said: _Said) -> Body:
        assert said.finish is not None
        reason = "refusal" if said.refused and said.finish.reason == "stop" else said.finish.reason
        word = {"finishReason": render_finish(reason, said.finish.native)}
        return self._candidate(index, said) | word | citation_metadata(said.cited)

    def _take(self, event: Event) -> None:
        match event:
            case StreamStart():
                self._id = event.id
            case UsageUpdate():
                self._usage = event.usage
            case ExtraDelta():
                self._extra_members(event)
            case LogprobsDelta():
                self._of(event.choice).members |= render_logprobs(event.logprobs)
            case Finish():
                self._of(event.choice).finish = event
                self._of(event.choice).flush()
            case Piece():
                pass  # of an answer that is no chat
            case _:
                self._block_event(event, self._of(event.choice))

    def _extra_members(self, event: ExtraDelta) -> None:
        own = native(event.extra)
        if event.choice is not None:
            self._of(event.choice).members |= own
            return
        usage = own.pop("usage", None)
        self._usage_extra |= usage if isinstance(usage, Mapping) else {}
        self._extra |= own

    def _of(self, index: int) -> _Said:
        return self._said.setdefault(index, _Said())

    def _block_event(self, event: BlockEvent | BlockStop, said: _Said) -> None:
        if not isinstance(event, BlockStop):
            said.sign(event.block)
        match event:
            case TextDelta() | RefusalDelta() if event.text:
                said.refused = said.refused or isinstance(event, RefusalDelta)
                said.add({"text": event.text})
            case ThinkingDelta() if event.text:
                said.thoughts.add(event.block)
                said.add({"text": event.text, "thought": True})
            case SignatureDelta():
                said.signature += event.signature
                said.signed = event.block
            case ToolCallStart():
                said.calls[event.block] = _Call(event)
            case ToolArgumentsDelta() if event.block in said.calls:
                said.calls[event.block].arguments.append(event.arguments)
            case BlockStop() if event.block in said.calls:
                said.add(said.calls.pop(event.block).body())
            case CitationDelta():
                said.cited.append(event.citation)
            case AudioDelta():
                self._audio(event, said)
            case OpaqueBlock() if event.dialect == NAME:
                said.add(dict(event.raw))
            case _:
                return

    def _audio(self, event: AudioDelta, said: _Said) -> None:
        """Spoken pieces; each is whole base64, whatever the pieces that came."""
        if event.transcript:
            said.add({"text": event.transcript})
        said.audio += event.data or ""
        whole = len(said.audio) // 4 * 4
        if whole:
            said.add({"inlineData": {"mimeType": SPOKEN, "data": said.audio[:whole]}})
            said.audio = said.audio[whole:]
