"""A provider under test, and the upstream that is played for it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar

import pytest

from nova_core.errors import NovaError
from nova_core.testing.conformance import ProviderConformance
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import Shape
from nova_core.types.deployment import Deployment

CALLS = [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "CET"})]
"""What `conformance.TOOLS` are called with."""


class PlayedUpstream(ProviderConformance):
    """A provider that hands exchanges to the core, in front of a scripted upstream. Uses the `upstream` fixture.

    `api_path` follows the upstream's URL in `api_base`. `usage_unasked` says that the vendor's streams state their
    usage unasked, so that it need not be asked for. `shapes` are routes of the vendor's own, known by their ends, and
    what they answer; `asked_model` then says where a request names its model.
    """

    api_path: ClassVar[str] = "/v1"
    usage_unasked: ClassVar[bool] = False
    shapes: ClassVar[tuple[tuple[str, Shape], ...]] = ()
    upstream: ScriptedUpstream

    @pytest.fixture(autouse=True)
    def _play_upstream(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream
        self.now(text="Hello from the upstream.", usage=(11, 7))

    def deployment(self, **changes: Any) -> Deployment:
        """The deployment under test, at the scripted upstream."""
        return super().deployment(**{"api_base": self.upstream.url + self.api_path, **changes})

    def now(self, **answer: Any) -> None:
        """Script the next answers anew."""
        key = "*" if self.shapes else self.model
        usual = {"usage_unasked": self.usage_unasked, "shapes": self.shapes}
        self.upstream.forget().script(key, **{**usual, **answer})

    def asked_model(self, received: Received) -> str:
        """The upstream's model that a request names."""
        return received.model

    async def failure(self, answer: Awaitable[object]) -> NovaError:
        """The error that an attempt ends with."""
        with pytest.raises(NovaError) as caught:
            await answer
        return caught.value
