"""The provider `nvidia_riva`: calls that go through its own channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import msgspec

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.capabilities import Capabilities
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.capabilities import told_by_samples
from nova_core.wire.provider import Provider
from nova_plugin_nvidia_riva.address import HOSTED
from nova_plugin_nvidia_riva.asking import heard, spoken
from nova_plugin_nvidia_riva.channels import Channels
from nova_plugin_nvidia_riva.codec import Hearing, RivaCodec, Speaking

USUAL_IDLE: Final = 600.0
"""Seconds between two pieces of speech where the deployment has no `timeout`."""


class NvidiaRiva(Provider):
    """One per configuration; its channels end with it."""

    providers = RivaCodec.providers
    base_url = RivaCodec.base_url
    api_base_env = RivaCodec.api_base_env
    api_key_env = RivaCodec.api_key_env
    key_required = RivaCodec.key_required
    settings_keys = RivaCodec.settings_keys
    dialects = RivaCodec.dialects

    def __init__(self) -> None:
        self._codec = RivaCodec()
        self._channels = Channels()

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address and key. Raises ConfigurationError without either an address or a function."""
        return self._codec.complete(deployment, environ)

    def operations(self, model: str) -> frozenset[str]:
        """All that Riva's services have; a server may be of one of them only."""
        return self._codec.operations(model)

    def capabilities(self, deployment: Deployment) -> Capabilities:
        """What the codec says to samples, wherever the deployment is."""
        return told_by_samples(self._codec.provider_call, replace(deployment, api_base=HOSTED))

    @hookimpl
    async def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Reply | Stream:
        """One attempt. Raises what a sans-I/O provider raises, and what gRPC's statuses mean."""
        exchange = self._codec.provider_call(call, request, deployment)
        rpc = exchange.request
        assert isinstance(rpc, Hearing | Speaking)
        line = await self._channels.to(rpc.address)
        line.users += 1

        def leave() -> None:
            line.users -= 1

        if isinstance(rpc, Speaking):
            return spoken(line, rpc, exchange.dialect, deployment.timeout or USUAL_IDLE, leave)
        try:
            results = await heard(line, rpc, call.deadline)
        finally:
            leave()
        answer = exchange.read(UpstreamResponse(200, {}, msgspec.json.encode(results)))
        assert isinstance(answer, Reply)
        return answer

    @hookimpl
    async def shutdown(self) -> None:
        """Close the channels."""
        await self._channels.aclose()
