"""What Workers AI serves beside chat and embeddings does what every provider's must do."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG, WAV
from nova_plugin_cloudflare import plugin

RUN = "/client/v4/accounts/1/ai/run"
PICTURE = base64.b64encode(PNG).decode()


class Workers(OperationConformance):
    plugin = plugin
    provider = "cloudflare"
    api_path = "/client/v4/accounts/1/ai"
    key_env = "CLOUDFLARE_API_KEY"

    def error_body(self, message: str) -> Any:
        """The envelope's `errors`."""
        return {"success": False, "errors": [{"code": 5006, "message": message}], "messages": [], "result": {}}


class TestRerank(Workers):
    operation = "rerank"
    model = "@cf/baai/bge-reranker-base"
    sent = Sent(
        f"{RUN}/@cf/baai/bge-reranker-base",
        json={"query": "Which is a city?", "contexts": [{"text": "a city"}, {"text": "a name"}]},
    )
    answer: ClassVar[dict[str, Any]] = {
        "json": {"result": {"response": [{"id": 1, "score": 0.1}, {"id": 0, "score": 0.9}]}, "success": True}
    }
    tells: ClassVar[dict[str, Any]] = {
        "results": [
            {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
            {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
        ]
    }
    used = Usage(units=Units(queries=1))


class TestImages(Workers):
    operation = "image_generation"
    model = "@cf/black-forest-labs/flux-1-schnell"
    values: ClassVar[dict[str, Any]] = {"response_format": "url"}
    sent = Sent(f"{RUN}/@cf/black-forest-labs/flux-1-schnell", json={"prompt": "a cat"})
    answer: ClassVar[dict[str, Any]] = {"json": {"result": {"image": PICTURE}, "success": True}}
    tells: ClassVar[dict[str, Any]] = {"data": [{"b64_json": PICTURE}]}
    used = Usage(units=Units(images=1))


class TestSpeech(Workers):
    operation = "speech"
    model = "@cf/deepgram/aura-1"
    sent = Sent(f"{RUN}/@cf/deepgram/aura-1", json={"text": "Good day.", "speaker": "alloy"})
    answer: ClassVar[dict[str, Any]] = {"body": b"ID3audio", "headers": {"content-type": "audio/mpeg"}}
    tells = b"ID3audio"
    told_type = "audio/mpeg"
    used = Usage(units=Units(characters=9))


class TestSpeechInTheEnvelope(TestSpeech):
    model = "@cf/myshell-ai/melotts"
    asks: ClassVar[dict[str, Any]] = {"voice": "en"}
    sent = Sent(f"{RUN}/@cf/myshell-ai/melotts", json={"prompt": "Good day.", "lang": "en"})
    answer: ClassVar[dict[str, Any]] = {
        "json": {"result": {"audio": base64.b64encode(b"ID3audio").decode()}, "success": True}
    }


class TestTranscripts(Workers):
    operation = "transcription"
    model = "@cf/openai/whisper"
    sent = Sent(f"{RUN}/@cf/openai/whisper", body=WAV)
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "result": {"text": "Good day.", "words": [{"word": "Good", "start": 0.0, "end": 1.0}]},
            "success": True,
        }
    }
    tells: ClassVar[dict[str, Any]] = {"text": "Good day.", "words": [{"word": "Good", "start": 0.0, "end": 1.0}]}


class TestTranslations(Workers):
    operation = "translation"
    model = "@cf/openai/whisper-large-v3-turbo"
    sent = Sent(
        f"{RUN}/@cf/openai/whisper-large-v3-turbo",
        json={"task": "translate", "audio": base64.b64encode(WAV).decode()},
    )
    answer: ClassVar[dict[str, Any]] = {"json": {"result": {"text": "Good day."}, "success": True}}
    tells: ClassVar[dict[str, Any]] = {"text": "Good day."}
