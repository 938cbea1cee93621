"""The echo as a provider: it answers the call itself, so nothing goes over a network."""

from __future__ import annotations

from collections.abc import Sequence

from nova_core.errors import BadRequestError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.routing import ModelCard
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.provider import Provider
from nova_plugin_echo.chat import answer, begin, count_words, pieces, whole
from nova_plugin_echo.directives import directions
from nova_plugin_echo.vectors import embed


class Echo(Provider):
    """Answers chat in the dialect OPENAI_CHAT, from which the core makes the caller's."""

    providers = ("echo",)

    def models(self) -> Sequence[ModelCard]:
        """One for chat, one for embeddings; any other name works as well."""
        return (ModelCard("echo/echo", "echo", "chat"), ModelCard("echo/embed", "echo", "embedding"))

    @hookimpl
    async def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        """Answer as directed. Raises the error it was told to, BadRequestError for an operation it has not."""
        match request.operation:
            case "chat" | "completion":
                return await self._chat(call, request, deployment)
            case "embedding":
                await begin(directions(deployment.model, ""))
                typed = embed(request.embeddings, deployment.model)
                return Reply("embedding", OPENAI_EMBEDDINGS, typed=typed)
            case "count_tokens":
                return Reply("count_tokens", ANTHROPIC_COUNT_TOKENS, {"input_tokens": count_words(request.chat)})
        raise BadRequestError(f"the echo does not serve {request.operation}", code="unsupported_operation")

    async def _chat(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        said = answer(request.chat, deployment.model, int(call.created))
        if not request.stream:
            return Reply("chat", OPENAI_CHAT, typed=await whole(said))
        await begin(said.directed)
        return Stream(OPENAI_CHAT, chunks=pieces(said))
