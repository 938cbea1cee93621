"""What a request asks for that changes nothing about an echo: left out, and named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from nova_core.types.audio import SpeechRequest, TranscriptionRequest
from nova_core.types.chat import Audio, ChatRequest, File, Image
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.images import ImageRequest
from nova_core.types.message import TypedRequest
from nova_core.types.moderation import ModerationRequest
from nova_core.types.rerank import RerankRequest
from nova_core.wire.operation_samples import OPERATION_SAMPLES
from nova_core.wire.samples import SAMPLES
from nova_core.wire.unsaid import CALLED
from nova_plugin_echo.media import TYPES

HEARD: Mapping[type, frozenset[str]] = {
    ChatRequest: frozenset(
        {"messages", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "stop", "n", "response_format",
         "include_usage"}
    ),
    RerankRequest: frozenset({"query", "documents", "top_n", "return_documents"}),
    ModerationRequest: frozenset({"input", "single"}),
    ImageRequest: frozenset({"prompt", "n", "size", "response_format", "output_format"}),
    SpeechRequest: frozenset({"input", "voice", "response_format", "speed", "events"}),
    TranscriptionRequest: frozenset({"file", "response_format"}),
}  # fmt: skip
"""Fields that an echo depends on, beside the model's name and whether it is streamed."""
ALWAYS = frozenset({"model", "stream"})
NAMES: Mapping[str, str] = {**CALLED, "compression": "output_compression"}


def unheard(typed: TypedRequest) -> Fidelity:
    """A note on each thing that is asked for in vain."""
    hints = tuple(FieldNote(name, Fate.HINT) for name in _unheard(typed))
    if isinstance(typed, ImageRequest) and typed.output_format not in (None, "png"):
        return Fidelity((*hints, FieldNote("output_format", Fate.LOST, "the echo draws PNG alone")))
    if isinstance(typed, SpeechRequest) and typed.response_format not in (None, *TYPES):
        made = " and ".join(f"`{name}`" for name in TYPES)
        return Fidelity((*hints, FieldNote("response_format", Fate.LOST, f"the echo makes {made}")))
    return Fidelity(hints)


def fate(name: str) -> Fate | None:
    """What becomes of an ability or a parameter; None of operations that the echo has not."""
    sample = SAMPLES.get(name) or OPERATION_SAMPLES.get(name)
    typed = None if sample is None else sample.request("echo").typed
    if sample is None or typed is None or type(typed) not in HEARD or sample.of.operation == "translation":
        return None
    fates = [note.fate for note in unheard(typed).notes if note.field.startswith(sample.where)]
    return fates[0] if fates else Fate.MAPPED


def _unheard(typed: TypedRequest) -> Iterator[str]:
    heard = HEARD.get(type(typed))
    if heard is None:
        return
    for field in fields(typed):
        value: Any = getattr(typed, field.name)
        if field.name == "extra":
            yield from (member for members in value.values() for member in members)
        elif field.name not in heard and field.name not in ALWAYS and value not in (None, (), False):
            yield NAMES.get(field.name, field.name)
    if isinstance(typed, ChatRequest):
        yield from _unseen(typed)


def _unseen(request: ChatRequest) -> Iterator[str]:
    """Images, audio and files, and marks of prompt caching."""
    for place, message in enumerate(request.messages):
        for number, part in enumerate(message.parts):
            path = f"messages[{place}].content[{number}]"
            if isinstance(part, Image | Audio | File):
                yield path
            elif getattr(part, "cache", None) is not None:
                yield f"{path}.cache_control"
