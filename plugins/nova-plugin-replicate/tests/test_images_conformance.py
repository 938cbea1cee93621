"""Replicate's images do what every provider's must do."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG
from nova_plugin_replicate import plugin

MODEL = "black-forest-labs/flux-schnell"


class TestReplicateImages(OperationConformance):
    plugin = plugin
    provider = "replicate"
    operation = "image_generation"
    model = MODEL
    key_env = "REPLICATE_API_KEY"
    asks: ClassVar[dict[str, Any]] = {"size": "512x768"}
    sent = Sent(f"/v1/models/{MODEL}/predictions", json={"input": {"prompt": "a cat", "width": 512, "height": 768}})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "id": "p1",
            "model": MODEL,
            "created_at": "2025-01-01T00:00:00.000Z",
            "error": None,
            "status": "starting",
            "output": None,
            "urls": {"get": "{upstream}/v1/predictions/p1"},
        }
    }
    later: ClassVar[dict[str, Any]] = {
        "/v1/predictions/p1": {
            "json": {
                "id": "p1",
                "created_at": "2025-01-01T00:00:00.000Z",
                "status": "succeeded",
                "output": ["{upstream}/a.png"],
                "urls": {"get": "{upstream}/v1/predictions/p1"},
            }
        },
        "/a.png": {"body": b"\x89PNG", "headers": {"content-type": "image/png"}},
    }
    used = Usage(units=Units(images=1))

    @property
    def tells(self) -> dict[str, Any]:
        """The image's address."""
        return {"data": [{"url": f"{self.upstream.url}/a.png"}]}

    def error_body(self, message: str) -> Any:
        """The vendor's `detail`."""
        return {"title": "An error", "detail": message}


class TestReplicateEdits(TestReplicateImages):
    operation = "image_edit"
    model = "black-forest-labs/flux-kontext-pro"
    asks: ClassVar[dict[str, Any]] = {}
    sent = Sent(
        f"/v1/models/{model}/predictions",
        json={
            "input": {
                "prompt": "a hat on it",
                "input_image": f"data:image/png;base64,{base64.b64encode(PNG).decode()}",
            }
        },
    )
