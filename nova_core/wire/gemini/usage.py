"""`usageMetadata` to and from disjoint token buckets."""

# https://ai.google.dev/api/generate-content#UsageMetadata: promptTokenCount includes what was read from a cache,
# candidatesTokenCount does not include thoughts.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.usage import Usage

KNOWN: Final = frozenset(
    {"promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount"}
)


def parse_usage(raw: Any) -> Usage | None:
    """The buckets; None when nothing is stated."""
    if not isinstance(raw, Mapping) or not any(name in raw for name in KNOWN):
        return None
    prompt = count(raw, "promptTokenCount") + count(raw, "toolUsePromptTokenCount")
    cached = min(count(raw, "cachedContentTokenCount"), prompt)
    heard = max(0, _spoken(raw, "promptTokensDetails") - _spoken(raw, "cacheTokensDetails"))
    heard = min(heard, prompt - cached)
    thoughts, candidates = count(raw, "thoughtsTokenCount"), count(raw, "candidatesTokenCount")
    if thoughts and candidates >= thoughts and prompt + candidates == count(raw, "totalTokenCount"):
        candidates -= thoughts  # some models count thoughts among the candidates' tokens
    spoken = min(_spoken(raw, "candidatesTokensDetails"), candidates)
    drawn = min(_of_kind(raw, "candidatesTokensDetails", "IMAGE"), candidates - spoken)
    return Usage(
        input=prompt - cached - heard,
        cache_read=cached,
        input_audio=heard,
        output=candidates - spoken - drawn,
        reasoning=thoughts,
        output_audio=spoken,
        output_image=drawn,
    ).served_in(_tier(raw))


def usage_extra(raw: Any) -> dict[str, Any]:
    """What `usageMetadata` says besides tokens by bucket: modalities, traffic type."""
    if not isinstance(raw, Mapping):
        return {}
    return {name: value for name, value in raw.items() if name not in KNOWN and value is not None}


def render_usage(usage: Usage, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The `usageMetadata` object; counts of prompts' tools are part of the prompt's where they are not told apart."""
    tools = count(extra, "toolUsePromptTokenCount")
    said: dict[str, Any] = {
        "promptTokenCount": usage.input_total - tools,
        "candidatesTokenCount": usage.output_total - usage.reasoning,
        "totalTokenCount": usage.total,
    }
    if usage.cache_read:
        said["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        said["thoughtsTokenCount"] = usage.reasoning
    if usage.input_audio and "promptTokensDetails" not in extra:
        said["promptTokensDetails"] = [{"modality": "AUDIO", "tokenCount": usage.input_audio}]
    if usage.output_audio and "candidatesTokensDetails" not in extra:
        said["candidatesTokensDetails"] = [{"modality": "AUDIO", "tokenCount": usage.output_audio}]
    return said | dict(extra)


def count(raw: Mapping[str, Any], name: str) -> int:
    """A count of tokens, 0 where none is stated."""
    value = raw.get(name)
    if isinstance(value, str) and value.isdecimal():
        return int(value)  # 64-bit integers are texts in JSON of protocol buffers
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _tier(raw: Mapping[str, Any]) -> str:
    """The service tier: `serviceTier` of the Gemini API, `trafficType` of Vertex AI."""
    said = raw.get("serviceTier") or raw.get("trafficType")
    return said.lower().removeprefix("on_demand_") if isinstance(said, str) else ""


def _spoken(raw: Mapping[str, Any], name: str) -> int:
    return _of_kind(raw, name, "AUDIO")


def _of_kind(raw: Mapping[str, Any], name: str, kind: str) -> int:
    details = raw.get(name)
    found = [item for item in details if isinstance(item, Mapping)] if isinstance(details, list) else []
    return sum(count(item, "tokenCount") for item in found if item.get("modality") == kind)
