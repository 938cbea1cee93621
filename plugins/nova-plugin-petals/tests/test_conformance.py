"""Petals' provider does what every provider must do."""

from __future__ import annotations

from typing import Any

from nova_core.testing import UpstreamConformance
from nova_core.testing.conformance import KEY, PUBLIC_NAME
from nova_core.testing.provider_bench import chat_request, responses_request
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import Said, Shape
from nova_plugin_petals import plugin


def _reply(said: Said) -> dict[str, Any]:
    return {"ok": True, "outputs": said.text}


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"error": message}


class TestPetals(UpstreamConformance):
    plugin = plugin
    provider = "petals"
    operations = frozenset({"chat", "completion"})
    model = "petals-team/StableBeluga2"
    api_path = ""
    key_env = "PETALS_API_KEY"
    calls_tools = False
    streams = False
    states_usage = False
    unsupported = ("logit_bias", {"50256": -100})
    shapes = (("/api/v1/generate", Shape(_reply, _error)),)

    async def test_the_upstream_is_asked_for_its_own_model_with_the_key(self) -> None:
        async with self.bench(extra_headers={"x-extra": "yes"}) as bench:
            await bench.chat(chat_request(PUBLIC_NAME, "Some words to pass on."))
        received = self.upstream.last
        assert received.members["inputs"] == "Some words to pass on."
        assert (received.model, received.header("x-extra")) == (self.model, "yes")
        assert received.header("authorization") == f"Bearer {KEY}"

    async def test_callers_of_the_responses_api_are_served_plain_and_streamed(self) -> None:
        async with self.bench() as bench:
            for stream in (False, True):
                reply = await bench.chat(responses_request(PUBLIC_NAME, "Some words to pass on.", stream=stream))
                assert reply.text == "Hello from the upstream."
                assert self.upstream.last.members["inputs"] == "Some words to pass on."

    def asked_model(self, received: Received) -> str:
        return str(received.members["model"])
