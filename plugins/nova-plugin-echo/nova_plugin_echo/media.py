"""Reranks, moderations, images and speech of the echo: simple, but real."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
import re
import struct
import zlib
from array import array
from collections.abc import AsyncIterator

from nova_core.errors import BadRequestError, StreamBrokenError
from nova_core.types.audio import SpeechRequest
from nova_core.types.events import Chunk, Piece
from nova_core.types.images import Image, ImageRequest, ImagesReply
from nova_core.types.moderation import ModerationReply, ModerationRequest, ModerationResult
from nova_core.types.rerank import Document, Ranked, RerankReply, RerankRequest
from nova_core.types.usage import Units, Usage
from nova_plugin_echo.chat import begin
from nova_plugin_echo.directives import Directions, directions

RATE = 24_000
"""Samples a second."""
SECONDS_A_CHARACTER = 0.02
LONGEST_SECONDS = 60.0
TYPES = {"wav": "audio/wav", "pcm": "audio/pcm"}
SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")
LARGEST = 4096
BAD_WORDS = {"violence": ("kill", "murder", "violence"), "hate": ("hate",), "self-harm": ("suicide",)}


def rank(request: RerankRequest, model: str) -> RerankReply:
    """Documents by the share of the query's words that they have; usage is all words."""
    query = _words(request.query)
    shares = [len(query & _words(each)) / max(1, len(query)) for each in request.documents]
    ranked = sorted(enumerate(shares), key=lambda pair: -pair[1])[: request.top_n]
    results = tuple(
        Ranked(index, share, request.documents[index] if request.return_documents else None) for index, share in ranked
    )
    words = sum(len(_text(each).split()) for each in (request.query, *request.documents))
    return RerankReply(model, results, usage=Usage(input=words, units=Units(queries=1)))


def moderate(request: ModerationRequest, model: str) -> ModerationReply:
    """Inputs with certain words are flagged."""
    results = []
    for item in request.input:
        words = _words(item if isinstance(item, str | dict) else "")
        found = {category: bool(words & {*bad}) for category, bad in BAD_WORDS.items()}
        scores = {category: 1.0 if hit else 0.0 for category, hit in found.items()}
        results.append(ModerationResult(any(found.values()), found, scores))
    digest = hashlib.sha256(repr(request.input).encode()).hexdigest()[:16]
    return ModerationReply(model, tuple(results), id=f"modr-{digest}")


def draw(request: ImageRequest, model: str, created: int) -> ImagesReply:
    """A pattern (PNG, black and white) that depends on the prompt; `url` is a data URL.

    Raises BadRequestError for a size that is none.
    """
    width, height = _size(request.size)
    images = []
    for number in range(request.n or 1):
        data = base64.b64encode(png(f"{model}\n{request.prompt}\n{number}", width, height)).decode()
        is_url = request.response_format == "url"
        images.append(Image(url=f"data:image/png;base64,{data}") if is_url else Image(data=data))
    usage = Usage(input=len(request.prompt.split()), units=Units(images=len(images)))
    return ImagesReply(
        tuple(images), created=created, size=f"{width}x{height}", output_format="png", model=model, usage=usage
    )


def png(seed: str, width: int, height: int) -> bytes:
    """A PNG of stripes (W3C, "PNG Specification"): one bit a pixel, the same for the same seed."""
    digest = hashlib.sha256(seed.encode()).digest()
    row_bytes = (width + 7) // 8
    stripes = [b"\0" + bytes([digest[number]]) * row_bytes for number in range(16)]
    rows = b"".join(stripes[place * 16 // height] for place in range(height))
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def speech_of(request: SpeechRequest, model: str) -> tuple[str, Directions, list[bytes]]:
    """The content type, the directions, and the audio in pieces of a word: a tone that depends on the voice.

    Raises BadRequestError for a format that the echo cannot make.
    """
    kind = TYPES.get(request.response_format or "wav")
    if kind is None:
        made = " and ".join(f"`{name}`" for name in TYPES)
        raise BadRequestError(f"the echo makes {made}, not `{request.response_format}`", param="response_format")
    directed = directions(model, request.input)
    words = directed.text.split() or [""]
    lengths = [max(1, len(word)) * SECONDS_A_CHARACTER / (request.speed or 1.0) for word in words]
    scale = min(1.0, LONGEST_SECONDS / sum(lengths))
    pitch = 220 + hashlib.sha256(repr(request.voice).encode()).digest()[0]
    samples = [tone(pitch, round(seconds * scale * RATE)) for seconds in lengths]
    head = wav_head(sum(map(len, samples))) if kind == "audio/wav" else b""
    return kind, directed, [head + samples[0], *samples[1:]]


async def spoken(directed: Directions, pieces: list[bytes]) -> AsyncIterator[Chunk]:
    """The audio piece by piece, after the delay. Raises the directed error, StreamBrokenError where it breaks off."""
    await begin(directed)
    for number, piece in enumerate(pieces):
        if number == directed.break_after:
            raise StreamBrokenError("the echo was told to break its stream")
        if number and directed.pause:
            await asyncio.sleep(directed.pause)
        yield Chunk((Piece(piece),))


def tone(pitch: int, count: int) -> bytes:
    """So many samples of a sine, 16 bits each, little-endian, fading in and out."""
    step, fade = 2 * math.pi * pitch / RATE, max(1, min(240, count // 2))
    edges = (min(1.0, place / fade, (count - place) / fade) for place in range(count))
    return array("h", (round(8000 * edge * math.sin(step * place)) for place, edge in enumerate(edges))).tobytes()


def wav_head(length: int) -> bytes:
    """The head of a WAV file (RIFF) of so many bytes of samples: one channel, 16 bits."""
    form = struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + length) + b"WAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", length)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _size(size: str | None) -> tuple[int, int]:
    if size in (None, "auto"):
        return 64, 64
    read = SIZE.fullmatch(size or "")
    width, height = (int(read[1]), int(read[2])) if read else (0, 0)
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise BadRequestError(f"`size` must be WIDTHxHEIGHT, each at most {LARGEST}, or `auto`", param="size")
    return width, height


def _text(document: Document) -> str:
    if isinstance(document, str):
        return document
    return " ".join(value for value in document.values() if isinstance(value, str))


def _words(document: Document) -> set[str]:
    return {word.lower() for word in re.findall(r"\w+", _text(document))}
