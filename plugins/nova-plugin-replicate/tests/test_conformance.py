"""Replicate's provider does what every provider must do."""

from __future__ import annotations

from typing import Any

from nova_core.testing import UpstreamConformance
from nova_core.testing.conformance import PUBLIC_NAME
from nova_core.testing.provider_bench import responses_request
from nova_core.testing.upstream_http import Received
from nova_plugin_replicate import plugin

from .predictions import event
from .predictions import shapes as shapes_at


class TestReplicate(UpstreamConformance):
    plugin = plugin
    provider = "replicate"
    operations = frozenset({"chat", "completion"})
    model = "meta/meta-llama-3-70b-instruct"
    key_env = "REPLICATE_API_TOKEN"
    calls_tools = False
    unsupported = ("n", 2)
    shapes = shapes_at("")

    def now(self, **answer: Any) -> None:
        """Mishaps within a body are those of the stream, not of the answer that leads to it."""
        routes = shapes_at(self.upstream.url)
        self.upstream.forget().script("*", **{"shapes": routes, **answer})
        if answer.get("reset") == "body":
            self.upstream.script(f"/v1/models/{self.model}/predictions", shapes=routes)

    def error_amid(self, message: str) -> bytes:
        """An event of its own."""
        return event("error", f'{{"detail": "{message}"}}')

    def asked_model(self, received: Received) -> str:
        return received.route.removeprefix("/v1/models/").removesuffix("/predictions")

    async def test_callers_of_the_responses_api_are_served_plain_and_streamed(self) -> None:
        """The question is in the request that makes the prediction, which a stream's own request follows."""
        async with self.bench() as bench:
            for stream in (False, True):
                self.now(text="Hello from the upstream.")
                reply = await bench.chat(responses_request(PUBLIC_NAME, "Some words.", stream=stream))
                assert reply.text == "Hello from the upstream."
                made = self.upstream.requests[0]
                assert (self.asked_model(made), made.json["input"]["prompt"]) == (self.model, "Some words.")
                assert [each.method for each in self.upstream.requests] == (["POST", "GET"] if stream else ["POST"])
