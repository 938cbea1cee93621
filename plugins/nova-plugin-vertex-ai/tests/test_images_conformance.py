"""Imagen's edits do what every provider's must do."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG
from nova_plugin_vertex_ai import plugin

MODEL = "imagen-3.0-capability-001"
IMAGE = {"bytesBase64Encoded": base64.b64encode(PNG).decode()}
RAW = {"referenceType": "REFERENCE_TYPE_RAW", "referenceId": 1, "referenceImage": IMAGE}


class TestImagenEdits(OperationConformance):
    plugin = plugin
    provider = "vertex_ai"
    operation = "image_edit"
    model = MODEL
    settings: ClassVar[dict[str, Any]] = {"settings": {"vertex_project": "p"}}
    api_path = ""
    sent = Sent(
        f"/v1/projects/p/locations/us-central1/publishers/google/models/{MODEL}:predict",
        json={
            "instances": [{"prompt": "a hat on it", "referenceImages": [RAW]}],
            "parameters": {"sampleCount": 1, "includeRaiReason": True},
        },
    )
    answer: ClassVar[dict[str, Any]] = {
        "json": {"predictions": [{"bytesBase64Encoded": "aW1n", "mimeType": "image/png"}]}
    }
    tells: ClassVar[dict[str, Any]] = {"data": [{"b64_json": "aW1n"}], "output_format": "png"}
    used = Usage(units=Units(images=1))
    values: ClassVar[dict[str, Any]] = {"response_format": "url"}
