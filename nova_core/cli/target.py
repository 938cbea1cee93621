"""Where the calls of a command go, and the gateway in this process as one such place."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Protocol

from nova_core.cli.listing import ModelRow
from nova_core.gateway.calling import AnswerStream
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.library import Library
from nova_core.gateway.objects import Answer

Body = Mapping[str, Any]
"""Members of an OpenAI request: chat completions or embeddings."""


class Target(Protocol):
    """All of it runs on one event loop. Everything raises NovaError."""

    label: str

    async def models(self) -> Sequence[ModelRow]:
        """What can be called."""
        ...

    async def chat(self, body: Body) -> Answer:
        """A whole chat completion."""
        ...

    def stream(self, body: Body) -> AsyncGenerator[Answer, None]:
        """The chunks of a chat completion."""
        ...

    async def embed(self, body: Body) -> Answer:
        """Embeddings."""
        ...

    async def aclose(self) -> None:
        """Let go of what is open."""
        ...


class InProcess:
    """Calls go through a gateway of this process, or the library when there is no configuration."""

    def __init__(self, runs: Gateway | Library, models: Sequence[ModelRow], *, label: str) -> None:
        self.label = label
        self._runs = runs
        self._models = models

    async def models(self) -> Sequence[ModelRow]:
        return self._models

    async def chat(self, body: Body) -> Answer:
        answer = await self._runs.completion(**body)
        assert isinstance(answer, Answer)
        return answer

    async def stream(self, body: Body) -> AsyncGenerator[Answer, None]:
        answer = await self._runs.completion(**body, stream=True)
        assert isinstance(answer, AnswerStream)
        async with answer:
            async for chunk in answer:
                yield chunk

    async def embed(self, body: Body) -> Answer:
        return await self._runs.embedding(**body)

    async def aclose(self) -> None:
        if isinstance(self._runs, Gateway):
            await self._runs.stop(drain=0)
        else:
            await self._runs.aclose()
