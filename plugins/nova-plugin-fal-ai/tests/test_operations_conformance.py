"""fal's images do what every provider's must do."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG
from nova_plugin_fal_ai import plugin


class TestFalImages(OperationConformance):
    plugin = plugin
    provider = "fal_ai"
    operation = "image_generation"
    model = "fal-ai/flux/dev"
    api_path = ""
    key_env = "FAL_AI_API_KEY"
    asks: ClassVar[dict[str, Any]] = {"n": 1}
    sent = Sent("/fal-ai/flux/dev", json={"prompt": "a cat", "num_images": 1})
    answer: ClassVar[dict[str, Any]] = {
        "json": {"images": [{"url": "{upstream}/a.png", "content_type": "image/png"}], "seed": 7}
    }
    later: ClassVar[dict[str, Any]] = {"/a.png": {"body": b"\x89PNG", "headers": {"content-type": "image/png"}}}
    used = Usage(units=Units(images=1))

    @property
    def tells(self) -> dict[str, Any]:
        """The image's address."""
        return {"data": [{"url": f"{self.upstream.url}/a.png"}]}

    def error_body(self, message: str) -> Any:
        """The vendor's `detail`."""
        return {"detail": message}


class TestFalEdits(TestFalImages):
    operation = "image_edit"
    model = "fal-ai/flux-pro/kontext"
    asks: ClassVar[dict[str, Any]] = {}
    sent = Sent(
        "/fal-ai/flux-pro/kontext",
        json={"prompt": "a hat on it", "image_url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"},
    )
