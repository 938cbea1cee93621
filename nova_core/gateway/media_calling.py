"""Calls of operations beside chat and embeddings from Python: rerank, moderation, images and speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nova_core.gateway.bytes_answer import BytesAnswer
from nova_core.gateway.calling import Answers, AnswerStream, answered, call_in, whole
from nova_core.gateway.objects import Answer
from nova_core.types.call import Call
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_moderations import OPENAI_MODERATIONS
from nova_core.wire.openai_speech import OPENAI_SPEECH

Document = str | Mapping[str, Any]


def rerank_call(arguments: Mapping[str, Any]) -> Call:
    """A rerank from keyword arguments; documents come back unless that is refused. Raises BadRequestError."""
    return call_in(COHERE_RERANK, {"return_documents": True, **arguments})


def moderation_call(arguments: Mapping[str, Any]) -> Call:
    """A moderation from keyword arguments. Raises BadRequestError."""
    return call_in(OPENAI_MODERATIONS, arguments)


def image_call(arguments: Mapping[str, Any]) -> Call:
    """A call for images from keyword arguments. Raises BadRequestError."""
    return call_in(OPENAI_IMAGES, arguments)


def speech_call(arguments: Mapping[str, Any]) -> Call:
    """A call for speech from keyword arguments. Raises BadRequestError."""
    return call_in(OPENAI_SPEECH, arguments)


class MediaCalls:
    """The calls of the library, for whatever runs them."""

    async def rerank(self: Answers, model: str, query: str, documents: Sequence[Document], **parameters: Any) -> Answer:
        """Documents by relevance: `results` with `index`, `relevance_score` and `document`. Raises NovaError."""
        call = rerank_call({"model": model, "query": query, "documents": list(documents), **parameters})
        return whole(await answered(self, call))

    async def moderation(self: Answers, input: Any, model: str | None = None, **parameters: Any) -> Answer:
        """Whether texts (or texts and images) may be shown: `results` with `flagged`. Raises NovaError."""
        return whole(await answered(self, moderation_call({"input": input, "model": model, **parameters})))

    async def image_generation(
        self: Answers, prompt: str, model: str | None = None, **parameters: Any
    ) -> Answer | AnswerStream:
        """Images of a prompt: `data` with `b64_json` or `url`; with `stream=True` events. Raises NovaError."""
        answer = await answered(self, image_call({"prompt": prompt, "model": model, **parameters}))
        assert not isinstance(answer, BytesAnswer)
        return answer

    async def speech(
        self: Answers, model: str, input: str, voice: str | Mapping[str, Any] | None = None, **parameters: Any
    ) -> BytesAnswer | AnswerStream:
        """A text spoken: `content` and its type; with `stream_format="sse"` events. Raises NovaError."""
        answer = await answered(self, speech_call({"model": model, "input": input, "voice": voice, **parameters}))
        assert not isinstance(answer, Answer)
        return answer
