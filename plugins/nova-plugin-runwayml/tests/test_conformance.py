"""Runway's provider does what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_plugin_runwayml import plugin


class TestRunway(OperationConformance):
    plugin = plugin
    provider = "runwayml"
    operation = "image_generation"
    model = "gen4_image"
    api_path = ""
    key_env = "RUNWAYML_API_SECRET"
    sent = Sent("/v1/text_to_image", json={"model": "gen4_image", "promptText": "a cat", "ratio": "1024:1024"})
    answer: ClassVar[dict[str, Any]] = {"json": {"id": "t"}}
    later: ClassVar[dict[str, Any]] = {
        "/v1/tasks/t": {"json": {"id": "t", "status": "SUCCEEDED", "output": ["{upstream}/a.png"]}},
        "/a.png": {"body": b"\x89PNG", "headers": {"content-type": "image/png"}},
    }
    used = Usage(units=Units(images=1))

    @property
    def tells(self) -> dict[str, Any]:
        """The image's address."""
        return {"data": [{"url": f"{self.upstream.url}/a.png"}]}

    def error_body(self, message: str) -> Any:
        """The vendor's `error`."""
        return {"error": message}


class TestRunwaySpeech(OperationConformance):
    plugin = plugin
    provider = "runwayml"
    operation = "speech"
    model = "eleven_multilingual_v2"
    api_path = ""
    key_env = "RUNWAYML_API_SECRET"
    asks: ClassVar[dict[str, Any]] = {"voice": "Maya"}
    values: ClassVar[dict[str, Any]] = {"voice": "Noah"}
    sent = Sent(
        "/v1/text_to_speech",
        json={
            "model": model,
            "promptText": "Good day.",
            "voice": {"type": "runway-preset", "presetId": "Maya"},
        },
    )
    answer: ClassVar[dict[str, Any]] = {"json": {"id": "t"}}
    later: ClassVar[dict[str, Any]] = {
        "/v1/tasks/t": {"json": {"id": "t", "status": "SUCCEEDED", "output": ["{upstream}/a.mp3"]}},
        "/a.mp3": {"body": b"ID3audio", "headers": {"content-type": "audio/mpeg"}},
    }
    tells = b"ID3audio"
    told_type = "audio/mpeg"
    used = Usage(units=Units(characters=9))

    def error_body(self, message: str) -> Any:
        """The vendor's `error`."""
        return {"error": message}
