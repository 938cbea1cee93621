"""`rerank("provider/model", …)` and its siblings without a configuration file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nova_core.gateway.bytes_answer import BytesAnswer
from nova_core.gateway.library import BridgedStream, SyncStream, shared_library
from nova_core.gateway.media_calling import Document, image_call, moderation_call, rerank_call, speech_call
from nova_core.gateway.objects import Answer


def rerank(model: str, query: str, documents: Sequence[Document], **given: Any) -> Answer:
    """Documents by relevance to a query: `results` with `index`, `relevance_score` and `document`.

    `given` are `top_n`, `return_documents`, …, and those of `completion` that are not the model's. Raises NovaError.
    """
    library = shared_library()
    asked = {"query": query, "documents": list(documents), **given}
    answer: Answer = library.thread.run(library.run(rerank_call, model, asked))
    return answer


async def arerank(model: str, query: str, documents: Sequence[Document], **given: Any) -> Answer:
    """`rerank` for async code. Raises NovaError."""
    library = shared_library()
    asked = {"query": query, "documents": list(documents), **given}
    answer: Answer = await library.thread.bridge(library.run(rerank_call, model, asked))
    return answer


def moderation(input: Any, model: str, **given: Any) -> Answer:
    """Whether a text, texts, or parts of a content may be shown: `results` with `flagged`. Raises NovaError."""
    library = shared_library()
    answer: Answer = library.thread.run(library.run(moderation_call, model, {"input": input, **given}))
    return answer


async def amoderation(input: Any, model: str, **given: Any) -> Answer:
    """`moderation` for async code. Raises NovaError."""
    library = shared_library()
    answer: Answer = await library.thread.bridge(library.run(moderation_call, model, {"input": input, **given}))
    return answer


def image_generation(prompt: str, model: str, **given: Any) -> Answer | SyncStream:
    """Images of a prompt: `data` with `b64_json` or `url`; with `stream=True` an iterator of events.

    Raises NovaError.
    """
    library = shared_library()
    return library.answer(library.run(image_call, model, {"prompt": prompt, **given}))


async def aimage_generation(prompt: str, model: str, **given: Any) -> Answer | BridgedStream:
    """`image_generation` for async code; with `stream=True` an async iterator of events. Raises NovaError."""
    library = shared_library()
    return await library.bridged(library.run(image_call, model, {"prompt": prompt, **given}))


def speech(
    model: str, input: str, voice: str | Mapping[str, Any] | None = None, **given: Any
) -> BytesAnswer | SyncStream:
    """A text spoken: `content`, `content_type`, `write_to_file`; with `stream_format="sse"` an iterator of events.

    Raises NovaError.
    """
    library = shared_library()
    return library.answer(library.run(speech_call, model, {"input": input, "voice": voice, **given}))


async def aspeech(
    model: str, input: str, voice: str | Mapping[str, Any] | None = None, **given: Any
) -> BytesAnswer | BridgedStream:
    """`speech` for async code. Raises NovaError."""
    library = shared_library()
    return await library.bridged(library.run(speech_call, model, {"input": input, "voice": voice, **given}))
