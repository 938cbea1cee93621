"""Amazon Transcribe's provider does what every provider must do."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, ClassVar

from nova_core.errors import BadGatewayError
from nova_core.testing import OperationConformance, Sent
from nova_core.testing.told import told
from nova_core.types.deployment import Deployment
from nova_core.wire.operation_samples import WAV
from nova_plugin_aws_transcribe.provider import Transcribe

WORD = {"type": "pronunciation", "start_time": "0.1", "end_time": "0.5", "alternatives": [{"content": "Good"}]}
SETTINGS = {
    "aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret", "aws_region_name": "eu-west-1",
    "s3_bucket_name": "talks",
}  # fmt: skip


class TestTranscribe(OperationConformance):
    plugin = Transcribe(name=lambda: "n1")
    provider = "transcribe"
    operation = "transcription"
    model = "standard"
    api_path = ""
    key_env = None
    settings = MappingProxyType({"api_key": None, "settings": SETTINGS})
    sent = Sent("/talks/nova-transcripts/n1", method="PUT", body=WAV)
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "TranscriptionJob": {
                "TranscriptionJobStatus": "COMPLETED",
                "Transcript": {"TranscriptFileUri": "{upstream}/told.json"},
            }
        }
    }
    later: ClassVar[dict[str, Any]] = {
        "/talks/nova-transcripts/n1": {"body": b""},
        "/told.json": {
            "json": {
                "results": {
                    "language_code": "en-US",
                    "transcripts": [{"transcript": "Good day."}],
                    "items": [WORD, {"type": "punctuation", "alternatives": [{"content": "!"}]}],
                }
            }
        },
    }
    tells: ClassVar[dict[str, Any]] = {
        "text": "Good day.",
        "language": "en-US",
        "words": [{"word": "Good!", "start": 0.1, "end": 0.5}],
    }

    def deployment(self, **changes: Any) -> Deployment:
        """S3 is where the rest is."""
        return super().deployment(settings={**SETTINGS, "aws_s3_endpoint": self.upstream.url}, **changes)

    def error_body(self, message: str) -> Any:
        """The vendor's exception."""
        return {"__type": "SomeException", "Message": message}

    async def test_half_an_answer_is_an_error(self) -> None:
        """Halves are answers that lead to tidying up, and to the error after it."""
        async with self.bench() as bench:
            bench.waits = False
            for mishap in ({"reset": "body"}, {"reset": True}):
                self.now(**{**self.answer, **mishap})
                assert (await self.failure(told(bench, self.request()))).retryable
            self.now(body=b'{"TranscriptionJob": {"TranscriptionJobStatus": "COMPL')
            assert isinstance(await self.failure(told(bench, self.request())), BadGatewayError)
