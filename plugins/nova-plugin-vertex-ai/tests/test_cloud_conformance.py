"""Google Cloud's APIs of speech and ranking do what every provider's must do."""

from __future__ import annotations

import base64
from types import MappingProxyType
from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_plugin_vertex_ai import plugin

PLACE = "/v2/projects/p/locations/us-central1/recognizers/_:recognize"
WORD = {"endOffset": "0.500s", "word": "Good", "speakerLabel": "1"}


class Cloud(OperationConformance):
    plugin = plugin
    provider = "vertex_ai"
    api_path = ""
    settings = MappingProxyType({"settings": {"vertex_project": "p", "vertex_location": "us-central1"}})


class TestSynthesis(Cloud):
    operation = "speech"
    model = "chirp"
    asks: ClassVar[dict[str, Any]] = {"voice": "en-US-Studio-O"}
    sent = Sent(
        "/v1/text:synthesize",
        json={
            "input": {"text": "Good day."},
            "voice": {"languageCode": "en-US", "name": "en-US-Studio-O"},
            "audioConfig": {"audioEncoding": "MP3"},
        },
    )
    answer: ClassVar[dict[str, Any]] = {"json": {"audioContent": base64.b64encode(b"ID3audio").decode()}}
    tells = b"ID3audio"
    told_type = "audio/mpeg"
    used = Usage(units=Units(characters=9))


class TestRecognition(Cloud):
    operation = "transcription"
    model = "chirp_2"
    sent = Sent(PLACE)
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "results": [
                {
                    "alternatives": [{"transcript": "Good day.", "words": [WORD]}],
                    "resultEndOffset": "1s",
                    "languageCode": "en-US",
                }
            ],
            "metadata": {"totalBilledDuration": "2.5s"},
        }
    }
    tells: ClassVar[dict[str, Any]] = {
        "text": "Good day.",
        "language": "en-US",
        "words": [{"word": "Good", "start": 0.0, "end": 0.5, "speaker": "1"}],
        "segments": [{"id": 0, "start": 0.0, "end": 1.0, "text": "Good day.", "speaker": "1"}],
    }
    used = Usage(units=Units(input_seconds=2.5))


class TestRanking(Cloud):
    operation = "rerank"
    model = "semantic-ranker-512@latest"
    sent = Sent(
        "/v1/projects/p/locations/global/rankingConfigs/default_ranking_config:rank",
        json={
            "model": "semantic-ranker-512@latest",
            "query": "Which is a city?",
            "records": [{"id": "0", "content": "a city"}, {"id": "1", "content": "a name"}],
            "ignoreRecordDetailsInResponse": True,
        },
    )
    answer: ClassVar[dict[str, Any]] = {"json": {"records": [{"id": "0", "score": 0.9}, {"id": "1", "score": 0.1}]}}
    tells: ClassVar[dict[str, Any]] = {
        "results": [
            {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
            {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
        ]
    }
    used = Usage(units=Units(queries=1))
