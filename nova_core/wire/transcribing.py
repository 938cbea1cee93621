"""What formats of transcription that upstreams alone speak have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.audio import TranscriptionReply, TranscriptionRequest
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_core.wire.upstream_errors import facts_of
from nova_core.wire.upstream_only import UpstreamOnly

TIMED = frozenset({"verbose_json", "srt", "vtt", "diarized_json"})
"""Formats of replies that need to know when what was said."""


class Transcribing(UpstreamOnly):
    """A format of transcription. Subclasses write `said`, `heard` and `seconds`.

    `answer` is the member by which a reply is known, `extras` are members of the vendor that callers may send beside
    OpenAI's. What the format cannot say is noted: a temperature above 0 and log probabilities change an answer, a
    prompt is a hint. The gateway makes text and subtitles of what was heard.
    """

    operation: Operation = "transcription"
    answer: str
    extras: frozenset[str] = frozenset()

    def said(self, typed: TranscriptionRequest, notes: Notes) -> dict[str, Any]:
        """Members for the vendor, without the model and the extras."""
        raise AssertionError("subclasses render")

    def heard(self, members: Mapping[str, Any]) -> TranscriptionReply:
        """The reply, its usage left out. Raises KeyError and TypeError for one of another shape."""
        raise AssertionError("subclasses parse")

    def seconds(self, members: Members) -> Usage | None:
        """What a reply says was used."""
        raise AssertionError("subclasses count")

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for the vendor: the file among them, the model under its usual name."""
        if not isinstance(typed, TranscriptionRequest):
            raise BadRequestError("only a request for a transcript can be sent as one")
        notes = Notes(own=False, dialect=self.name)
        members = self.said(typed, notes)
        if "logprobs" in typed.include:
            notes.lost("include", "there are no log probabilities")
        own = typed.extra.get(OPENAI_TRANSCRIPTIONS.name, {})
        members |= {name: value for name, value in own.items() if name in self.extras}
        rest = {name: value for name, value in own.items() if name not in self.extras}
        notes.extra(members, {OPENAI_TRANSCRIPTIONS.name: rest})
        return {"model": typed.model, **members}, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError for what is no transcript."""
        if self.answer not in members:
            facts = facts_of(msgspec.json.encode({name: decoded(value) for name, value in members.items()}))
            said = f": {facts.message}" if facts.message else ""
            raise BadGatewayError(f"the upstream's answer is no transcript{said}")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError."""
        self.check_reply(members)
        try:
            return self.heard(members)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise BadGatewayError("the upstream's transcript cannot be read") from error

    def usage_of(self, members: Members) -> Usage | None:
        """The seconds of the audio."""
        return self.seconds(members)


def note_times(typed: TranscriptionRequest, notes: Notes, *told: str) -> None:
    """Note what times were asked for, where those of `told` (`word`, `segment`) are told unasked."""
    if typed.timestamp_granularities:
        known = set(typed.timestamp_granularities) <= set(told)
        times = " and ".join(f"{each}s" for each in told)
        (notes.mapped if known else notes.lost)("timestamp_granularities", f"the times of {times} are told")


def note_unsaid(typed: TranscriptionRequest, notes: Notes, *names: str) -> None:
    """Note the fields of these that were given: `prompt` as a hint, and a temperature of 0 too."""
    for name in names:
        value = getattr(typed, name)
        if value in (None, (), ""):
            continue
        if name == "prompt" or (name == "temperature" and value == 0):
            notes.hint(name)
        else:
            notes.lost(name, "the vendor has nothing like it")
