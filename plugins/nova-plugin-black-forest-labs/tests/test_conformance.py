"""Black Forest Labs' provider does what every provider must do."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG
from nova_plugin_black_forest_labs import plugin

DONE = {"id": "t", "status": "Ready", "result": {"sample": "{upstream}/a.png"}}


class TestBlackForestLabs(OperationConformance):
    plugin = plugin
    provider = "black_forest_labs"
    operation = "image_generation"
    model = "flux-2-pro"
    api_path = ""
    key_env = "BFL_API_KEY"
    asks: ClassVar[dict[str, Any]] = {"size": "1024x768"}
    sent = Sent("/v1/flux-2-pro", json={"prompt": "a cat", "width": 1024, "height": 768})
    answer: ClassVar[dict[str, Any]] = {"json": {"id": "t", "polling_url": "{upstream}/v1/get_result?id=t"}}
    later: ClassVar[dict[str, Any]] = {
        "/v1/get_result": {"json": DONE},
        "/a.png": {"body": b"\x89PNG", "headers": {"content-type": "image/png"}},
    }
    used = Usage(units=Units(images=1))

    @property
    def tells(self) -> dict[str, Any]:
        """The image's address."""
        return {"data": [{"url": f"{self.upstream.url}/a.png"}]}

    def error_body(self, message: str) -> Any:
        """The vendor's `detail`."""
        return {"detail": message}


class TestEdits(TestBlackForestLabs):
    operation = "image_edit"
    model = "flux-kontext-pro"
    asks: ClassVar[dict[str, Any]] = {}
    sent = Sent("/v1/flux-kontext-pro", json={"prompt": "a hat on it", "input_image": base64.b64encode(PNG).decode()})
