"""Amazon Polly's provider does what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_plugin_aws_polly import plugin


class TestPolly(OperationConformance):
    plugin = plugin
    provider = "aws_polly"
    operation = "speech"
    model = "neural"
    api_path = ""
    asks: ClassVar[dict[str, Any]] = {"voice": "Joanna"}
    sent = Sent(
        "/v1/speech",
        json={
            "Engine": "neural",
            "OutputFormat": "mp3",
            "Text": "Good day.",
            "TextType": "text",
            "VoiceId": "Joanna",
        },
    )
    answer: ClassVar[dict[str, Any]] = {"body": b"ID3audio", "headers": {"content-type": "audio/mpeg"}}
    tells = b"ID3audio"
    told_type = "audio/mpeg"
    used = Usage(units=Units(characters=9))

    def error_body(self, message: str) -> Any:
        """The `message` of AWS."""
        return {"message": message}
