"""`logprobsResult` to and from OpenAI's log probabilities."""

# https://ai.google.dev/api/generate-content#LogprobsResult

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def parse_logprobs(raw: Any) -> dict[str, Any] | None:
    """`{"content": [{token, logprob, bytes, top_logprobs}]}`; None when nothing is stated."""
    chosen = _list(raw, "chosenCandidates")
    if not chosen:
        return None
    tops = [_list(step, "candidates") for step in _list(raw, "topCandidates")]
    content = [
        {**_token(item), "top_logprobs": [_token(top) for top in (tops[place] if place < len(tops) else [])]}
        for place, item in enumerate(chosen)
    ]
    return {"content": content, "refusal": None}


def render_logprobs(logprobs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The `logprobsResult` field, or nothing."""
    content = _list(logprobs, "content")
    if not content:
        return {}
    tops = [{"candidates": [_candidate(top) for top in _list(item, "top_logprobs")]} for item in content]
    return {"logprobsResult": {"chosenCandidates": [_candidate(item) for item in content], "topCandidates": tops}}


def _token(raw: Mapping[str, Any]) -> dict[str, Any]:
    token = str(raw.get("token") or "")
    return {"token": token, "logprob": raw.get("logProbability"), "bytes": list(token.encode())}


def _candidate(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": raw.get("token"), "logProbability": raw.get("logprob")}


def _list(raw: Any, name: str) -> list[Mapping[str, Any]]:
    value = raw.get(name) if isinstance(raw, Mapping) else None
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
