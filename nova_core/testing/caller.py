"""A gateway as tests use it: made from a configuration, called in a line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

from nova_core._version import __version__
from nova_core.config.check import read_settings
from nova_core.config.loader import from_mapping, loads
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.relay import CallerStream
from nova_core.gateway.runtime import build_runtime
from nova_core.plugins.discovery import PLUGINS, PROVIDERS, Installed, InstalledPlugin, discover
from nova_core.plugins.loaded import Named
from nova_core.testing.provider import NAME
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.testing.upstream_script import filled
from nova_core.types.call import Call, CallOptions
from nova_core.types.chat import ChatReply
from nova_core.types.dialect import Dialect
from nova_core.types.embeddings import EmbeddingsReply
from nova_core.types.message import Operation, Reply, Request
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS

Config = str | Mapping[str, Any]
Messages = str | Sequence[Mapping[str, Any]]


class GatewayCaller:
    """A running gateway with conveniences that build the call. `gateway` is the gateway itself."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.last: Call | None = None

    async def answer(
        self,
        members: Mapping[str, Any],
        *,
        operation: Operation = "chat",
        dialect: Dialect = OPENAI_CHAT,
        **call: Any,
    ) -> Reply | CallerStream:
        """Run a call with this body in the caller's dialect; other keywords go to `Call`. Raises NovaError.

        The call is kept in `last`, with its attempts, notes and usage.
        """
        self.last = Call(Request(operation, dialect, dict(members)), **call)
        return await self.gateway.answer(self.last)

    async def chat(self, model: str, messages: Messages = "Hi", **members: Any) -> ChatReply:
        """A whole chat answer; other keywords are members of the body. Raises NovaError."""
        options = members.pop("options", None) or CallOptions()
        reply = await self.answer(_chat_members(model, messages, members), options=options)
        if not isinstance(reply, Reply) or not isinstance(reply.typed, ChatReply):
            raise TypeError(f"a chat reply was expected, not {reply!r}")
        return reply.typed

    async def stream(self, model: str, messages: Messages = "Hi", **members: Any) -> AsyncIterator[bytes]:
        """The bytes of a streamed chat answer, piece by piece; closed on every exit. Raises NovaError."""
        options = members.pop("options", None) or CallOptions()
        body = _chat_members(model, messages, {**members, "stream": True})
        stream = await self.answer(body, options=options)
        if not isinstance(stream, CallerStream):
            raise TypeError(f"a stream was expected, not {stream!r}")
        try:
            async for piece in stream:
                yield piece
        finally:
            await stream.aclose()

    async def embed(self, model: str, input: Any, **members: Any) -> EmbeddingsReply:
        """Embeddings of `input`; other keywords are members of the body. Raises NovaError."""
        options = members.pop("options", None) or CallOptions()
        body = {"model": model, "input": input, **members}
        reply = await self.answer(body, operation="embedding", dialect=OPENAI_EMBEDDINGS, options=options)
        if not isinstance(reply, Reply) or not isinstance(reply.typed, EmbeddingsReply):
            raise TypeError(f"an embeddings reply was expected, not {reply!r}")
        return reply.typed


class GatewayFactory:
    """Starts gateways and stops them when the test ends.

    `await gateway(config)` starts one. `gateway.chat(...)`, `.stream` and `.embed` without that use a gateway whose
    group `gpt` has the deployments `a` and, for when that fails, `b`, both served by the `upstream` fixture.
    """

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self._upstream = upstream
        self._stack = AsyncExitStack()
        self._default: GatewayCaller | None = None

    async def __call__(
        self,
        config: Config,
        *,
        plugins: Mapping[str, str] | None = None,
        providers: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> GatewayCaller:
        """Start a gateway from YAML text or a mapping, in which `{upstream}` stands for the upstream's URL.

        Beside what is installed there is the provider `scripted/MODEL`, and what `plugins` and `providers` give as
        name → `module:attribute`; plugins given here are active. Raises ConfigError and ConfigurationError.
        """
        given = {PLUGINS: plugins or {}, PROVIDERS: {NAME: "nova_core.testing.provider:plugin", **(providers or {})}}
        extra = [Named(name, "plugin", "the test") for name in given[PLUGINS]]
        settings = read_settings(_loaded(filled(config, self._upstream.url), environ))
        runtime = build_runtime(settings, environ=environ, installed=_installed(given), extra=extra)
        return GatewayCaller(await self._stack.enter_async_context(Gateway(runtime)))

    async def chat(self, model: str, messages: Messages = "Hi", **members: Any) -> ChatReply:
        """`GatewayCaller.chat` of the default gateway."""
        return await (await self.default()).chat(model, messages, **members)

    async def stream(self, model: str, messages: Messages = "Hi", **members: Any) -> AsyncIterator[bytes]:
        """`GatewayCaller.stream` of the default gateway."""
        async for piece in (await self.default()).stream(model, messages, **members):
            yield piece

    async def embed(self, model: str, input: Any, **members: Any) -> EmbeddingsReply:
        """`GatewayCaller.embed` of the default gateway."""
        return await (await self.default()).embed(model, input, **members)

    async def default(self) -> GatewayCaller:
        """The gateway with the group `gpt`, started on first use."""
        if self._default is None:
            self._default = await self({"model_list": [_deployment("a", 1), _deployment("b", 0)]})
        return self._default

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()


def _deployment(model: str, weight: int) -> dict[str, Any]:
    params = {"model": f"{NAME}/{model}", "api_base": "{upstream}/v1", "weight": weight}
    return {"model_name": "gpt", "params": params, "model_info": {"id": model}}


def _chat_members(model: str, messages: Messages, members: Mapping[str, Any]) -> dict[str, Any]:
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
    return {"model": model, "messages": said, **members}


def _loaded(config: Config, environ: Mapping[str, str] | None) -> Any:
    if isinstance(config, str):
        return loads(config, environ=environ)
    return from_mapping(config, environ=environ)


def _installed(given: Mapping[str, Mapping[str, str]]) -> Installed:
    found = discover()
    added = [
        InstalledPlugin(name, group, f"the test's {name}", __version__, value)
        for group, entries in given.items()
        for name, value in entries.items()
    ]
    return Installed((*found.plugins, *added), found.problems)
