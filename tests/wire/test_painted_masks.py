"""Masks painted in a vendor's colours: every way in which a PNG can be transparent, and what is no such PNG."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadRequestError, PayloadTooLargeError
from nova_core.types.upload import File, InMemory
from nova_core.wire import painted_masks
from nova_core.wire.painted_masks import Marked, painted
from nova_core.wire.png_alpha import SIGNATURE, alpha_of, grey_png

Rows = Sequence[bytes]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, lines: Rows, *, kind: int = 6, depth: int = 8, extra: bytes = b"", interlaced: int = 0) -> bytes:
    """A PNG of lines that are filtered already, the compressed pixels in two chunks."""
    head = struct.pack(">IIBBBBB", width, len(lines), depth, kind, 0, 0, interlaced)
    data = zlib.compress(b"".join(lines))
    parts = (chunk(b"IDAT", data[:3]), chunk(b"IDAT", data[3:]), chunk(b"IEND", b""))
    return SIGNATURE + chunk(b"IHDR", head) + extra + b"".join(parts)


def filtered(rows: Rows, filters: Sequence[int], stride: int) -> list[bytes]:
    """The rows as an encoder writes them, each with its filter, by the formulas of the specification."""
    lines = []
    above = bytes(len(rows[0]))
    for row, kind in zip(rows, filters, strict=True):
        line = bytearray([kind])
        for place, value in enumerate(row):
            left = row[place - stride] if place >= stride else 0
            corner = above[place - stride] if place >= stride else 0
            up = above[place]
            nearest = min((left, up, corner), key=lambda each: abs(left + up - corner - each))
            guess = (0, left, up, (left + up) // 2, nearest)[kind]
            line.append((value - guess) & 255)
        lines.append(bytes(line))
        above = row
    return lines


@st.composite
def pictures(draw: st.DrawFn) -> tuple[bytes, int, list[bytes]]:
    """A PNG with an alpha channel, its width, and its alpha."""
    kind, depth = draw(st.sampled_from([4, 6])), draw(st.sampled_from([8, 16]))
    width, height = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    stride = SAMPLES[kind] * depth // 8
    byte = st.sampled_from([0, 1, 127, 255]) | st.integers(0, 255)
    rows = [bytes(draw(st.lists(byte, min_size=width * stride, max_size=width * stride))) for _ in range(height)]
    filters = draw(st.lists(st.integers(0, 4), min_size=height, max_size=height))
    alpha = [row[stride - depth // 8 :: stride] for row in rows]
    return png(width, filtered(rows, filters, stride), kind=kind, depth=depth), width, alpha


async def sent(image: bytes, marked: Marked = Marked.WHITE, kind: str = "image/png") -> bytes:
    mask = painted(File("m.png", kind, InMemory(image)), marked)
    return b"".join([piece async for piece in mask.chunks()])


@given(picture=pictures())
def test_the_alpha_channel_is_read_whatever_the_filters(picture: tuple[bytes, int, list[bytes]]) -> None:
    image, width, alpha = picture
    found = alpha_of(image)
    assert found is not None
    assert (found.width, list(found.rows)) == (width, alpha)


@given(picture=pictures(), cut=st.integers(0, 200), bad=st.integers(0, 255))
def test_a_damaged_png_is_a_bad_request_and_nothing_worse(
    picture: tuple[bytes, int, list[bytes]], cut: int, bad: int
) -> None:
    image = picture[0]
    for broken in (image[:cut], image[:cut] + bytes([bad]) + image[cut + 1 :]):
        with contextlib.suppress(BadRequestError):
            found = alpha_of(broken)
            assert found is None or all(len(row) == found.width for row in found.rows)


@pytest.mark.parametrize(("depth", "line"), [(8, b"\0\1\0\1\0"), (4, b"\x01\x01\x00"), (1, b"\x50")])
async def test_a_palette_names_its_transparent_colours(depth: int, line: bytes) -> None:
    extra = chunk(b"PLTE", bytes(6)) + chunk(b"tRNS", b"\xff\0")
    image = png(5, [b"\0" + line], kind=3, depth=depth, extra=extra)
    assert await sent(image) == grey_png(5, [b"\0\xff\0\xff\0"])


async def test_what_is_wholly_transparent_changes_and_nothing_else() -> None:
    image = png(3, [b"\0abc\0def\1ghi\xff"])
    assert await sent(image) == grey_png(3, [b"\xff\0\0"])
    assert await sent(image, Marked.BLACK) == grey_png(3, [b"\0\xff\xff"])


@pytest.mark.parametrize(
    "image",
    [
        png(1, [b"\0abc\xff"]),
        png(1, [b"\0\xff"], kind=0),
        png(1, [b"\0abc"], kind=2),
        b"\xff\xd8\xff\xe0JPEG",
        b"white",
    ],
)
async def test_a_mask_without_transparency_stays_what_it_is(image: bytes) -> None:
    assert await sent(image) == image


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (b"GIF89a....", "must be a PNG"),
        (b"RIFF....WEBPVP8 ", "must be a PNG"),
        (png(1, [b"\0abc\0"], interlaced=1), "interlaced"),
        (png(1, [b"\0\0"], kind=0, extra=chunk(b"tRNS", b"\0\0")), "alpha channel"),
        (png(100_000, [b"\0"] * 1000), "pixels"),
        (png(9, [b"\0abc\0"]), "too early"),
        (png(1, [b"\7abc\0"]), "broken"),
    ],
)
async def test_what_cannot_be_painted_is_refused_by_name(image: bytes, words: str) -> None:
    with pytest.raises(BadRequestError, match=words) as refused:
        await sent(image)
    assert refused.value.param == "mask"


async def test_a_mask_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painted_masks, "MOST_BYTES", 10)
    with pytest.raises(PayloadTooLargeError):
        await sent(bytes(11))


async def test_painting_a_million_pixels_leaves_the_loop_free() -> None:
    size = 1024
    line = b"\4" + bytes((place * 37) & 255 for place in range(size * 4))
    image = png(size, [line] * size)
    painting = asyncio.create_task(sent(image))
    gaps = []
    while not painting.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        gaps.append(time.perf_counter() - before)
    assert (await painting).startswith(SIGNATURE)
    assert len(gaps) > 3, "painted in one go"
    assert sorted(gaps)[len(gaps) // 2] < 0.02
