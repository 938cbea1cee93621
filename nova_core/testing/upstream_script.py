"""What a scripted upstream is told to answer, and the bytes and mishaps that become of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from nova_core.testing.upstream_amazon import AMAZON_SHAPES
from nova_core.testing.upstream_forms import FORM_SHAPES
from nova_core.testing.upstream_google import GOOGLE_SHAPES
from nova_core.testing.upstream_http import Received, Wire
from nova_core.testing.upstream_json_lines import JSON_LINES_SHAPES
from nova_core.testing.upstream_media import MEDIA_SHAPES
from nova_core.testing.upstream_replies import Said, Shape, shape_for
from nova_core.testing.upstream_responses import RESPONSES_SHAPES
from nova_core.types.chat import FinishReason

When = Literal["headers", "body"]
HTML = b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Script:
    """One answer. Nothing given: a sensible reply in the shape of the route that was called.

    `text` is the chat answer (`stream` gives its pieces), `tool_calls` are (name, arguments) pairs, `usage` is
    (input, output) tokens, which streams state when asked (`usage_unasked`: always, as some vendors do), `width` the
    embeddings' width. `finish` is why the answer ended, `cached` how many input tokens came from a cache, `thought`
    what was thought, where the route's format can say so. `json` is a whole body of one's own, or makes one from the
    request; `body` the same as bytes; `sse` the raw pieces of a streamed body (beside `json` or `body`: of the answer
    to a request that asks for a stream); `raw` the whole response, after which the connection closes. `status` of
    400 and above without a body gives an error in the route's shape, with `message`, `code` and `error_type`. `delay`
    is before the headers, `gap` between two pieces of a stream, in seconds. `reset` drops the connection and `stall`
    goes silent: before the headers (True or "headers"), or when half of the body was sent ("body"). `half_stream`
    ends the body cleanly without a finish. `shapes` are further routes, known by their ends, and what they answer.
    """

    text: str | None = None
    status: int = 200
    stream: Sequence[str] | None = None
    tool_calls: Sequence[tuple[str, Mapping[str, Any]]] = ()
    usage: tuple[int, int] | None = None
    usage_unasked: bool = False
    width: int | None = None
    finish: FinishReason | None = None
    cached: int = 0
    thought: str = ""
    json: Any = None
    body: bytes | None = None
    sse: Sequence[bytes] | None = None
    raw: bytes | None = None
    html: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None
    code: str | None = None
    error_type: str | None = None
    delay: float = 0.0
    gap: float = 0.0
    reset: bool | When = False
    stall: bool | When = False
    half_stream: bool = False
    shapes: tuple[tuple[str, Shape], ...] = ()

    def at(self, moment: When) -> Literal["reset", "stall"] | None:
        """The mishap of this moment."""
        for mishap, when in (("reset", self.reset), ("stall", self.stall)):
            if when == moment or (when is True and moment == "headers"):
                return "reset" if mishap == "reset" else "stall"
        return None


def filled(value: Any, url: str) -> Any:
    """Data with `{upstream}` replaced by the upstream's URL in every string."""
    if isinstance(value, str):
        return value.replace("{upstream}", url)
    if isinstance(value, Mapping):
        return {key: filled(item, url) for key, item in value.items()}
    return [filled(item, url) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Rendered:
    """A script for one request: header lines and the pieces of the body."""

    content_type: str
    pieces: tuple[bytes, ...]
    streamed: bool


def render(script: Script, received: Received) -> Rendered:
    """The body for `received`: what the script gives whole, else the shape of the route."""
    known = (*script.shapes, *MEDIA_SHAPES, *FORM_SHAPES, *AMAZON_SHAPES, *GOOGLE_SHAPES, *RESPONSES_SHAPES)
    known += JSON_LINES_SHAPES
    shape = shape_for(received.route, known)
    body = received.members
    if script.html:
        return Rendered("text/html; charset=utf-8", (HTML,), False)
    whole = script.json is not None or script.body is not None
    streamed = shape.always_streams or shape.asks_stream(body)
    if script.sse is not None and (streamed or not whole):
        return Rendered(shape.type_of_stream(body), tuple(script.sse), True)
    if script.body is not None:
        return Rendered("application/json", (script.body,), False)
    if script.json is not None:
        document = script.json(received) if callable(script.json) else script.json
        return Rendered("application/json", (msgspec.json.encode(document),), False)
    if script.status >= 400:
        return Rendered("application/json", (msgspec.json.encode(_error(script, shape)),), False)
    if streamed and shape.streams:
        pieces = shape.pieces(_said(script, received, body))
        kept = pieces[: -shape.tail] if script.half_stream else pieces
        return Rendered(shape.type_of_stream(body), kept, True)
    return Rendered("application/json", (msgspec.json.encode(shape.reply(_said(script, received, body))),), False)


def _error(script: Script, shape: Shape) -> dict[str, Any]:
    message = script.message or f"scripted {script.status}"
    return shape.error(script.status, message, script.code, script.error_type)


def _said(script: Script, received: Received, body: dict[str, Any]) -> Said:
    pieces = tuple(script.stream) if script.stream is not None else None
    text = "".join(pieces) if pieces is not None else script.text
    if text is None and not script.tool_calls:
        text = f"Hello from {received.model or 'upstream'}."
    calls = tuple(script.tool_calls)
    counts = (script.usage, script.width, script.usage_unasked)
    about = (script.finish, script.cached, script.thought)
    return Said(body, received.model, text or "", pieces, calls, *counts, *about)


async def play(script: Script, received: Received, wire: Wire) -> None:
    """Answer `received` as scripted. Raises Gone when the client leaves meanwhile."""
    if script.delay:
        await asyncio.sleep(script.delay)
    if await _mishap(script, "headers", wire):
        return
    if script.raw is not None:
        await wire.write(script.raw)
        wire.close()
        return
    rendered = render(script, received)
    await wire.write(_head(script, rendered))
    if script.at("body") and not rendered.streamed:
        whole = rendered.pieces[0]
        await wire.write(whole[: len(whole) // 2])
        await _mishap(script, "body", wire)
        return
    await _body(script, rendered, wire)


async def _body(script: Script, rendered: Rendered, wire: Wire) -> None:
    half = (len(rendered.pieces) + 1) // 2
    for number, piece in enumerate(rendered.pieces):
        if number == half and await _mishap(script, "body", wire):
            return
        if number and script.gap:
            await asyncio.sleep(script.gap)
        await wire.write(b"%x\r\n%b\r\n" % (len(piece), piece) if rendered.streamed else piece)
    if rendered.streamed:
        await wire.write(b"0\r\n\r\n")


async def _mishap(script: Script, moment: When, wire: Wire) -> bool:
    match script.at(moment):
        case "reset":
            if moment == "body":
                await asyncio.sleep(0.02)  # what was written so far arrives before the reset overtakes it
            wire.reset()
            return True
        case "stall":
            await asyncio.Event().wait()
            return True
    return False


def _head(script: Script, rendered: Rendered) -> bytes:
    length = sum(map(len, rendered.pieces))
    headers = {"content-type": rendered.content_type}
    headers |= {"transfer-encoding": "chunked"} if rendered.streamed else {"content-length": str(length)}
    headers |= {name.lower(): value for name, value in script.headers.items()}
    try:
        phrase = HTTPStatus(script.status).phrase
    except ValueError:
        phrase = "Scripted"
    lines = [f"HTTP/1.1 {script.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
