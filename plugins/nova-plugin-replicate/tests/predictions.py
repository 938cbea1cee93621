"""What the vendor's API answers, as shapes for a scripted upstream."""

from __future__ import annotations

from typing import Any

from nova_core.testing.upstream_replies import Said, Shape

CREATED_AT = "2025-01-01T00:00:00.000Z"


def prediction(said: Said, url: str) -> dict[str, Any]:
    """A prediction: done at once, or still to be streamed where that was asked for."""
    given, made = said.usage
    streamed = said.body.get("stream") is True
    urls = {"get": f"{url}/v1/predictions/p1", "stream": f"{url}/stream/p1"}
    head = {"id": "p1", "model": "owner/name", "created_at": CREATED_AT, "error": None, "urls": urls}
    if streamed:
        return {**head, "status": "starting", "output": None}
    metrics = {"input_token_count": given, "output_token_count": made}
    return {**head, "status": "succeeded", "output": list(said.pieces), "metrics": metrics}


def event(kind: str, data: str) -> bytes:
    """One event of a stream, with an id as the vendor sends it."""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {kind}\nid: 1:0\n{lines}\n".encode()


def pieces(said: Said) -> tuple[bytes, ...]:
    """The events of one stream; its logs count tokens, as those of official models do."""
    given, made = said.usage
    logs = event("logs", f"Input token count: {given}\nOutput token count: {made}")
    return (*(event("output", piece) for piece in said.pieces), logs + event("done", "{}"))


def error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    """The vendor's errors."""
    return {"title": "An error", "detail": message, "status": status}


def shapes(url: str) -> tuple[tuple[str, Shape], ...]:
    """The routes, of an upstream at `url`."""
    return (
        ("/predictions", Shape(lambda said: prediction(said, url), error)),
        ("/stream/p1", Shape(lambda said: {}, error, pieces, streams=True, always_streams=True)),
    )
