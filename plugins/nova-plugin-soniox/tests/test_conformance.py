"""Soniox's provider does what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.testing import OperationConformance, Sent
from nova_core.testing.told import told
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import WAV
from nova_plugin_soniox import plugin

TOKENS = [
    {"text": "Good", "start_ms": 100, "end_ms": 300, "confidence": 0.9, "language": "en"},
    {"text": " da", "start_ms": 300, "end_ms": 400, "confidence": 0.9, "language": "en"},
    {"text": "y.", "start_ms": 400, "end_ms": 500, "confidence": 0.9, "language": "en"},
]


class TestSoniox(OperationConformance):
    plugin = plugin
    provider = "soniox"
    operation = "transcription"
    model = "stt-async-v4"
    api_path = ""
    key_env = "SONIOX_API_KEY"
    sent = Sent("/v1/files", form={"file": WAV})
    answer: ClassVar[dict[str, Any]] = {"json": {"id": "f1", "filename": "talk.wav", "size": 46}}
    later: ClassVar[dict[str, Any]] = {
        "/v1/transcriptions": {"json": {"id": "t1", "status": "queued"}, "status": 201},
        "/v1/transcriptions/t1": {"json": {"id": "t1", "status": "completed", "audio_duration_ms": 2500}},
        "/v1/transcriptions/t1/transcript": {"json": {"id": "t1", "text": "Good day.", "tokens": TOKENS}},
        "/v1/files/f1": {"body": b"", "status": 204},
    }
    tells: ClassVar[dict[str, Any]] = {
        "text": "Good day.",
        "language": "en",
        "duration": 2.5,
        "words": [{"word": "Good", "start": 0.1, "end": 0.3}, {"word": "day.", "start": 0.3, "end": 0.5}],
    }
    used = Usage(units=Units(input_seconds=2.5))

    def error_body(self, message: str) -> Any:
        """The vendor's `message`, with its type."""
        return {"status_code": 400, "error_type": "invalid_request", "message": message, "request_id": "r"}

    async def test_half_an_answer_is_an_error(self) -> None:
        """Halves are answers that lead to tidying up, and to the error after it."""
        async with self.bench() as bench:
            bench.waits = False
            for mishap in ({"reset": "body"}, {"reset": True}):
                self.now(**{**self.answer, **mishap})
                assert (await self.failure(told(bench, self.request()))).retryable
            for path, answer in self.later.items():
                if path != "/v1/files/f1":
                    half = {path: {"body": msgspec.json.encode(answer["json"])[:-3]}}
                    self.upstream.forget()
                    for other, usual in {**self.later, **half, "*": self.answer}.items():
                        self.upstream.script(other, **usual)
                    assert isinstance(await self.failure(told(bench, self.request())), BadGatewayError)
