"""The echo as a provider: it answers the call itself, so nothing goes over a network."""

from __future__ import annotations

from collections.abc import Sequence

from nova_core.errors import BadRequestError
from nova_core.hookspecs import hookimpl
from nova_core.types.audio import SpeechRequest, TranscriptionRequest
from nova_core.types.call import Call
from nova_core.types.capabilities import Capabilities
from nova_core.types.deployment import Deployment
from nova_core.types.images import ImageRequest
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.moderation import ModerationRequest
from nova_core.types.rerank import RerankRequest
from nova_core.types.routing import ModelCard
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.drop_policy import DropPolicy
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_moderations import OPENAI_MODERATIONS
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_core.wire.provider import Provider
from nova_plugin_echo.chat import answer, begin, count_words, pieces, whole
from nova_plugin_echo.directives import directions
from nova_plugin_echo.hearing import hear
from nova_plugin_echo.media import draw, moderate, rank, speech_of, spoken
from nova_plugin_echo.unheard import fate, unheard
from nova_plugin_echo.vectors import embed


class Echo(Provider):
    """Answers chat in the dialect OPENAI_CHAT, from which the core makes the caller's."""

    providers = ("echo",)

    def models(self) -> Sequence[ModelCard]:
        """One for chat, one for embeddings, and one for each other operation; any other name works as well."""
        others = (("rerank", "rerank"), ("moderation", "moderation"), ("image", "image_generation"))
        audio = (("speech", "audio_speech"), ("whisper", "audio_transcription"))
        modes = (("echo", "chat"), ("embed", "embedding"), *others, *audio)
        return tuple(ModelCard(f"echo/{name}", "echo", mode) for name, mode in modes)

    def operations(self, model: str) -> frozenset[str]:
        """Every one that it has, of any model."""
        return super().operations(model) | {"rerank", "moderation", "image_generation", "speech", "transcription"}

    def capabilities(self, deployment: Deployment) -> Capabilities:
        """What an echo depends on is heard, everything else left out and named."""
        return Capabilities(fate)

    @hookimpl
    async def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        """Answer as directed. Raises the error it was told to, BadRequestError for an operation it has not."""
        policy, asked_in_vain = DropPolicy.of(call.options, deployment), unheard(request.typed)
        call.fidelity = policy.settle(asked_in_vain, provider=deployment.provider, model=deployment.model)
        match request.operation:
            case "chat" | "completion":
                return await self._chat(call, request, deployment)
            case "embedding":
                await begin(directions(deployment.model, ""))
                typed = embed(request.embeddings, deployment.model)
                return Reply("embedding", OPENAI_EMBEDDINGS, typed=typed)
            case "count_tokens":
                return Reply("count_tokens", ANTHROPIC_COUNT_TOKENS, {"input_tokens": count_words(request.chat)})
            case "rerank" | "moderation" | "image_generation":
                await begin(directions(deployment.model, ""))
                return self._other(call, request, deployment.model)
            case "speech":
                return self._speech(request, deployment.model)
            case "transcription":
                asked = request.typed
                assert isinstance(asked, TranscriptionRequest)
                return Reply("transcription", OPENAI_TRANSCRIPTIONS, typed=await hear(asked, deployment.model))
        raise BadRequestError(f"the echo does not serve {request.operation}", code="unsupported_operation")

    async def _chat(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        said = answer(request.chat, deployment.model, int(call.created))
        if not request.stream:
            return Reply("chat", OPENAI_CHAT, typed=await whole(said))
        await begin(said.directed)
        return Stream(OPENAI_CHAT, chunks=pieces(said))

    def _other(self, call: Call, request: Request, model: str) -> Reply:
        match request.typed:
            case RerankRequest() as asked:
                return Reply("rerank", JINA_RERANK, typed=rank(asked, model))
            case ModerationRequest() as asked:
                return Reply("moderation", OPENAI_MODERATIONS, typed=moderate(asked, model))
            case ImageRequest() as asked:
                return Reply("image_generation", OPENAI_IMAGES, typed=draw(asked, model, int(call.created)))
        raise BadRequestError(f"this is no request for {request.operation}")

    def _speech(self, request: Request, model: str) -> Stream:
        asked = request.typed
        assert isinstance(asked, SpeechRequest)
        kind, directed, pieces = speech_of(asked, model)
        return Stream(OPENAI_SPEECH, chunks=spoken(directed, pieces), content_type=kind)
