"""Predictions: how far one is, what it made, and what it means that it failed."""

# https://replicate.com/docs/reference/http#predictions.get

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError, ContentPolicyViolationError, NovaError
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Usage
from nova_core.wire.upstream_errors import classify, redacted

UNFINISHED: Final = frozenset({"starting", "processing"})
SIDES: Final = ("input", "output")
POLICY_WORDS: Final = ("nsfw", "flagged as sensitive")


def status_of(members: Members) -> str:
    """How far a prediction is. Raises BadGatewayError for what is none."""
    status = decoded(members.get("status"))
    if not isinstance(status, str) or "id" not in members:
        raise BadGatewayError("the upstream's answer is no prediction")
    return status


def check(members: Members) -> None:
    """Raises BadGatewayError for what is no prediction, and what it means that one did not succeed."""
    status = status_of(members)
    if status != "succeeded" and status not in UNFINISHED:
        said = decoded(members.get("error"))
        raise failure(said if isinstance(said, str) and said else f"the prediction was {status}")


def failure(message: str) -> NovaError:
    """The error of a model that says why it failed."""
    if any(words in message.lower() for words in POLICY_WORDS):
        error: NovaError = ContentPolicyViolationError(redacted(message))
        error.from_upstream = True
        return error
    return classify(None, message)


def text_of(output: Any) -> str:
    """What a language model made: pieces of text, a text, or anything else as JSON."""
    if output is None:
        return ""
    if isinstance(output, str):
        return output
    if isinstance(output, list) and all(isinstance(piece, str) for piece in output):
        return "".join(output)
    return msgspec.json.encode(output).decode()


def usage_of(members: Members) -> Usage | None:
    """The tokens that `metrics` count, or else the logs, for the models that count them."""
    metrics, logs = decoded(members.get("metrics")), decoded(members.get("logs"))
    counts = [metrics.get(f"{side}_token_count") if isinstance(metrics, Mapping) else None for side in SIDES]
    given, made = (int(count) if isinstance(count, int | float) and count >= 0 else None for count in counts)
    if given is None and made is None:
        return logged_usage(logs) if isinstance(logs, str) else None
    return Usage(input=given or 0, output=made or 0)


def logged_usage(logs: str) -> Usage | None:
    """The tokens that official models write into their logs, which are all that streams say about it."""
    found = [re.search(rf"{side} token count: (\d+)", logs, re.IGNORECASE) for side in SIDES]
    given, made = (int(match[1]) if match else None for match in found)
    return None if given is None or made is None else Usage(input=given, output=made)


def created_at(members: Mapping[str, Any]) -> int | None:
    """When it was asked for, in Unix seconds."""
    try:
        return int(datetime.fromisoformat(str(members.get("created_at"))).timestamp())
    except (ValueError, OverflowError):
        return None
