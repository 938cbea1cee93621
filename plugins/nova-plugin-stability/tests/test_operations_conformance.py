"""Stability AI's images do what every provider's must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG
from nova_plugin_stability import plugin


class Stability(OperationConformance):
    plugin = plugin
    provider = "stability"
    api_path = ""
    key_env = "STABILITY_API_KEY"
    values: ClassVar[dict[str, Any]] = {"response_format": "url"}
    answer: ClassVar[dict[str, Any]] = {"json": {"image": "iVBORw0KGgo=", "finish_reason": "SUCCESS", "seed": 1}}
    tells: ClassVar[dict[str, Any]] = {"data": [{"b64_json": "iVBORw0KGgo="}]}
    used = Usage(units=Units(images=1))

    def error_body(self, message: str) -> Any:
        """The vendor's `errors`."""
        return {"id": "e-1", "name": "some_error", "errors": [message]}


class TestImages(Stability):
    operation = "image_generation"
    model = "stable-image-core"
    sent = Sent("/v2beta/stable-image/generate/core", form={"prompt": "a cat"})


class TestEdits(Stability):
    operation = "image_edit"
    model = "inpaint"
    sent = Sent("/v2beta/stable-image/edit/inpaint", form={"prompt": "a hat on it", "image": PNG})
