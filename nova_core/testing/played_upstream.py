"""A provider under test, and the upstream that is played for it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar

import pytest

from nova_core.errors import NovaError
from nova_core.testing.conformance import ProviderConformance
from nova_core.testing.under_test import KEY, ProviderUnderTest
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import Shape
from nova_core.types.deployment import Deployment

CALLS = [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "CET"})]
"""What `conformance.TOOLS` are called with."""


class BeforeUpstream(ProviderUnderTest):
    """A provider that hands exchanges to the core, in front of a scripted upstream. Uses the `upstream` fixture.

    `api_path` follows the upstream's URL in `api_base`. `key_env` is the environment variable of the key, None if
    there is none.
    """

    api_path: ClassVar[str] = "/v1"
    key_env: ClassVar[str | None] = None
    upstream: ScriptedUpstream

    @pytest.fixture(autouse=True)
    def _play_upstream(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream
        self.as_usual()

    def as_usual(self) -> None:
        """Script what the upstream answers when nothing is wrong."""
        raise AssertionError("subclasses script")

    def deployment(self, **changes: Any) -> Deployment:
        """The deployment under test, at the scripted upstream."""
        return super().deployment(**{"api_base": self.upstream.url + self.api_path, **changes})

    async def failure(self, answer: Awaitable[object]) -> NovaError:
        """The error that an attempt ends with."""
        with pytest.raises(NovaError) as caught:
            await answer
        return caught.value

    async def test_the_environment_completes_a_deployment(self) -> None:
        if self.key_env is None:
            pytest.skip(f"{self.provider} has no key")
        address = self.upstream.url + self.api_path
        bare = Deployment(id="d", group="g", provider=self.provider, model=self.model, api_base=address)
        completed: Deployment = self.plugin.complete(bare, {self.key_env: KEY})
        assert completed.api_key is not None
        assert completed.api_key.reveal() == KEY
        assert completed.api_base == address


class PlayedUpstream(BeforeUpstream, ProviderConformance):
    """The same for chat and embeddings.

    `usage_unasked` says that the vendor's streams state their usage unasked, so that it need not be asked for.
    `shapes` are routes of the vendor's own, known by their ends, and what they answer; `asked_model` then says where a
    request names its model.
    """

    usage_unasked: ClassVar[bool] = False
    shapes: ClassVar[tuple[tuple[str, Shape], ...]] = ()

    def as_usual(self) -> None:
        """A short answer."""
        self.now(text="Hello from the upstream.", usage=(11, 7))

    def now(self, **answer: Any) -> None:
        """Script the next answers anew."""
        key = "*" if self.shapes else self.model
        usual = {"usage_unasked": self.usage_unasked, "shapes": self.shapes}
        self.upstream.forget().script(key, **{**usual, **answer})

    def asked_model(self, received: Received) -> str:
        """The upstream's model that a request names."""
        return received.model
