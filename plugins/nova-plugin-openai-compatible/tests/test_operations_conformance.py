"""Rows that stand for all others serve rerank, moderation and translation as every provider must."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.testing.upstream_forms import PIXEL
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG, WAV
from nova_plugin_openai_compatible.provider import VendorProvider
from nova_plugin_openai_compatible.vendors import VENDORS


def provider_of(name: str) -> VendorProvider:
    """The provider that a row makes."""
    return VendorProvider(next(row for row in VENDORS if row.name == name))


class AnyServer(OperationConformance):
    plugin = provider_of("custom_openai")
    provider = "custom_openai"


class TestRerank(AnyServer):
    operation = "rerank"
    sent = Sent("/v1/rerank")
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "results": [
                {"index": 0, "relevance_score": 0.9, "document": {"text": "a city"}},
                {"index": 1, "relevance_score": 0.1, "document": {"text": "a name"}},
            ],
            "usage": {"total_tokens": 17},
        }
    }
    tells: ClassVar[dict[str, Any]] = answer["json"]
    used = Usage(input=17, units=Units(queries=1))


class TestNvidiaRanking(TestRerank):
    plugin = provider_of("nvidia_nim")
    provider = "nvidia_nim"
    model = "nvidia/llama-3.2-nv-rerankqa-1b-v2"
    key_env = "NVIDIA_NIM_API_KEY"
    sent = Sent(
        "/v1/ranking",
        json={
            "model": model,
            "query": {"text": "Which is a city?"},
            "passages": [{"text": "a city"}, {"text": "a name"}],
        },
    )
    answer: ClassVar[dict[str, Any]] = {"json": {"rankings": [{"index": 0, "logit": 4.0}, {"index": 1, "logit": -5.0}]}}
    tells: ClassVar[dict[str, Any]] = {
        "results": [
            {"index": 0, "relevance_score": 4.0, "document": {"text": "a city"}},
            {"index": 1, "relevance_score": -5.0, "document": {"text": "a name"}},
        ]
    }
    used = Usage(units=Units(queries=1))


class TestModeration(AnyServer):
    operation = "moderation"
    sent = Sent("/v1/moderations", json={"model": "model-a", "input": "a kind word"})
    answer: ClassVar[dict[str, Any]] = {
        "json": {
            "id": "modr-1",
            "model": "model-a",
            "results": [{"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.001}}],
        }
    }
    tells: ClassVar[dict[str, Any]] = {"id": "modr-1", "results": answer["json"]["results"]}


class TestTranslation(AnyServer):
    operation = "translation"
    sent = Sent("/v1/audio/translations", form={"model": "model-a", "file": WAV})
    answer: ClassVar[dict[str, Any]] = {"json": {"text": "Good day.", "duration": 2.5}}
    tells: ClassVar[dict[str, Any]] = {"text": "Good day."}
    used = Usage(units=Units(input_seconds=2.5))


class TestEdits(AnyServer):
    operation = "image_edit"
    sent = Sent("/v1/images/edits", form={"model": "model-a", "prompt": "a hat on it", "image": PNG})
    answer: ClassVar[dict[str, Any]] = {"json": {"created": 1700000000, "data": [{"b64_json": PIXEL}]}}
    tells: ClassVar[dict[str, Any]] = answer["json"]
    used = Usage(units=Units(images=1))
    stream_asks: ClassVar[dict[str, Any]] = {"stream": True}
    stream_tells: ClassVar[list[dict[str, Any]]] = [{"type": "image_edit.completed", "b64_json": PIXEL}]
