"""One attempt at one deployment: what is sent, by whom, and under which deadlines."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from nova_core.errors import BadRequestError, InternalServerError, NovaError, RequestTimeoutError
from nova_core.gateway.accounting import tell_at_once
from nova_core.gateway.counting import counted_instead, counted_reply, has_no_counting
from nova_core.gateway.exchange import deadline, perform
from nova_core.gateway.mock import mock_reply
from nova_core.gateway.policy import Limits
from nova_core.gateway.runtime import Runtime
from nova_core.gateway.streamed import commit
from nova_core.gateway.transport import Transport
from nova_core.gateway.underway import Underway
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange
from nova_core.wire.provider import DialectProvider, without_secrets


class Trier:
    """Attempts of one call with one request; `try_one` answers with a reply or a committed stream.

    `underway`: the first of them has begun.
    """

    __slots__ = ("_call", "_request", "_runtime", "_transport", "_underway")

    def __init__(
        self, transport: Transport, runtime: Runtime, call: Call, request: Request, underway: Underway | None = None
    ) -> None:
        self._transport = transport
        self._runtime = runtime
        self._call = call
        self._request = request
        self._underway = underway

    async def try_one(self, deployment: Deployment) -> Reply | Stream:
        """One attempt. Raises NovaError."""
        call, request = self._call, self._request
        underway, self._underway = self._underway, None
        if underway is None and self._runtime.pipeline.attempt_started:
            tell_at_once(self._runtime.pipeline.attempt_started, call, deployment)
        if call.options.overrides:
            deployment = call.deployment = _overridden(deployment, call.options.overrides)
        call.metered = call.streaming and (self._runtime.policy.always_include_stream_usage or bool(deployment.tpm))
        if deployment.defaults:
            request = request.with_members(request.dialect.with_defaults(request.members, deployment.defaults))
        scripted = call.options.mock_response if call.options.mock_response is not None else deployment.mock_response
        if scripted is not None:
            return mock_reply(call, request, scripted)
        if call.operation == "count_tokens" and not self._counts_tokens(request, deployment):
            return counted_reply(call, request)
        limits = self._limits(deployment)
        step = self._runtime.pipeline.provider_call[deployment.provider]
        try:
            answer = step.call(call, request, deployment) if underway is None else underway.provided()
            if type(answer) is not Exchange:
                answer = await self._in_process(answer if step.is_async else _given(answer), limits)
            if type(answer) is Exchange:
                if underway is not None:
                    return await perform(underway, call, answer, limits, since=underway.started)
                return await perform(self._transport, call, answer, limits)
        except NovaError as error:
            # What an upstream says in a 200 or in a stream may quote its key as well as an error's body may.
            without_secrets(error, deployment)
            if call.operation == "count_tokens" and has_no_counting(error, deployment):
                return counted_instead(call, request, deployment)
            raise
        if isinstance(answer, Reply | Stream):
            return answer
        raise InternalServerError(f"provider '{deployment.provider}' gave no answer")

    async def _in_process(self, answer: Awaitable[Any], limits: Limits) -> Any:
        """What a provider answers itself, a stream committed; the time of a model in this process is upstream time."""
        call = self._call
        started = time.monotonic()
        window = limits.first_chunk if call.streaming else limits.total
        async with deadline(window, "first chunk" if call.streaming else "reply"):
            said = await answer
            if isinstance(said, Stream):
                await commit(said)
        if not isinstance(said, Exchange):
            call.upstream_seconds += time.monotonic() - started
        return said

    def _limits(self, deployment: Deployment) -> Limits:
        policy, call = self._runtime.policy, self._call
        limits = policy.limits(call, deployment)
        if call.deadline is None:
            return limits
        left = call.deadline - time.monotonic()
        if left <= 0:
            raise RequestTimeoutError("the call's deadline passed before this attempt")
        total, first_chunk = (left if each is None else min(left, each) for each in (limits.total, limits.first_chunk))
        return Limits(limits.connect, total, first_chunk, limits.idle, limits.reply_bytes)

    def _counts_tokens(self, request: Request, deployment: Deployment) -> bool:
        provider = self._runtime.pipeline.providers.get(deployment.provider)
        if isinstance(provider, DialectProvider) and provider.native(request.dialect.name, deployment) is not None:
            return True
        operations = getattr(provider, "operations", None)
        return operations is not None and "count_tokens" in operations(deployment.model)


def check_overrides(runtime: Runtime, call: Call, candidates: Iterable[Deployment]) -> None:
    """Raises BadRequestError when the caller sent a credential, base or price that the operator does not allow."""
    given = call.options.overrides
    if not given or runtime.settings.general.allow_client_side_credentials:
        return
    for deployment in candidates:
        for name in given:
            if name not in _configurable(deployment):
                raise BadRequestError(
                    f"`{name}` cannot be set by callers: ask the operator of this gateway.", param=name
                )


async def _given(answer: Any) -> Any:
    return answer


def _configurable(deployment: Deployment) -> frozenset[str]:
    """The names that callers may set on this deployment (`configurable_clientside_auth_params`)."""
    listed = deployment.settings.get("configurable_clientside_auth_params") or ()
    names = [name for entry in listed for name in (entry if isinstance(entry, dict) else (entry,))]
    return frozenset(name for name in names if isinstance(name, str))


def _overridden(deployment: Deployment, overrides: Mapping[str, Any]) -> Deployment:
    """With the caller's own base, key and settings; the operator's credentials never go to a caller's base."""
    if not overrides:
        return deployment
    base = overrides.get("api_base", overrides.get("base_url"))
    key = overrides.get("api_key")
    known = {"api_base", "base_url", "api_key", "extra_headers", "headers"}
    headers = {**_text_mapping(overrides.get("headers")), **_text_mapping(overrides.get("extra_headers"))}
    return replace(
        deployment,
        api_base=base if isinstance(base, str) else deployment.api_base,
        api_key=Secret(key) if isinstance(key, str) else (None if isinstance(base, str) else deployment.api_key),
        extra_headers=headers if isinstance(base, str) else {**deployment.extra_headers, **headers},
        settings={**deployment.settings, **{name: value for name, value in overrides.items() if name not in known}},
    )


def _text_mapping(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}
