"""Edits of Amazon's models do what every provider's must do."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG
from nova_plugin_bedrock import plugin


class TestAmazonEdits(OperationConformance):
    plugin = plugin
    provider = "bedrock"
    operation = "image_edit"
    model = "amazon.nova-canvas-v1:0"
    api_path = ""
    sent = Sent(
        "/model/amazon.nova-canvas-v1%3A0/invoke",
        json={
            "taskType": "IMAGE_VARIATION",
            "imageVariationParams": {"images": [base64.b64encode(PNG).decode()], "text": "a hat on it"},
        },
    )
    answer: ClassVar[dict[str, Any]] = {"json": {"images": ["aW1n"]}}
    tells: ClassVar[dict[str, Any]] = {"data": [{"b64_json": "aW1n"}]}
    used = Usage(units=Units(images=1))
    values: ClassVar[dict[str, Any]] = {"response_format": "url"}
