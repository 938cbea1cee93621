"""Offline counts are close to OpenAI's and never fail."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.types.chat import (
    ChatRequest,
    File,
    HostedTool,
    Image,
    Message,
    Opaque,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from nova_core.wire.image_size import image_size, image_type
from nova_core.wire.tokens import count_chat, count_image, count_text, tiles


def chat(*parts, role="user", name=None, **fields) -> ChatRequest:
    return ChatRequest("m", (Message(role, parts, name=name),), **fields)


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x06\0\0\0"


JPEG = (
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    + b"\xff\xc0\0\x11\x08\x00\x20\x00\x40\x03\x01\x22\0\x02\x11\x01\x03\x11\x01"
)
GIF = b"GIF89a\x0a\0\x14\0\x80\0\0"
WEBP_LOSSLESS = b"RIFF\x24\0\0\0WEBPVP8L\x18\0\0\0\x2f\x1f\xc0\x07\x00" + b"\0" * 16
WEBP_EXTENDED = b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x63\0\0\xc7\0\0"


def test_known_texts_have_their_known_counts():
    assert count_text("") == 0
    assert count_text("hello world") == 2
    assert count_text("tiktoken is great!") == 6
    assert count_text("<|endoftext|>") > 1


def test_a_long_text_is_counted_piece_by_piece():
    assert count_text("hello world " * 100_000) == pytest.approx(200_001, abs=20)


def test_a_long_text_of_rare_characters_is_counted():
    rare = "".join(map(chr, range(0x20000, 0x2A6D0)))  # ideographs of four bytes, none of them a token
    assert count_text(rare * 5) > 200_000


def test_a_huge_text_is_extrapolated():
    assert count_text("word " * 1_000_000) == pytest.approx(1_000_000, rel=0.01)


def test_a_message_costs_its_text_its_role_and_three():
    assert count_chat(chat(Text("hi"))) == 3 + 3 + 1 + 1
    assert count_chat(chat(Text("hi"), name="bob")) == count_chat(chat(Text("hi"))) + 2


def test_tools_cost_their_declaration_and_nine():
    plain = count_chat(chat(Text("hi")))
    tool = Tool(
        "get_weather",
        "Get the weather",
        {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
            "required": ["city"],
        },
    )
    with_tool = count_chat(chat(Text("hi"), tools=(tool,)))
    assert 30 < with_tool - plain < 60
    system = count_chat(chat(Text("hi"), role="system", tools=(tool,)))
    assert system == with_tool - 4
    assert count_chat(chat(Text("hi"), tools=(tool,), tool_choice=ToolChoice("none"))) == with_tool + 1
    named = ToolChoice("named", "get_weather")
    assert count_chat(chat(Text("hi"), tools=(tool,), tool_choice=named)) > with_tool + 4


@pytest.mark.parametrize(
    "part",
    [
        ToolCall("id", "search", '{"q": "cats and dogs"}'),
        ToolResult("id", (Text("cats and dogs"),)),
        File(Source(text="cats and dogs"), title="pets"),
        Opaque("x", {"type": "cats and dogs"}),
    ],
)
def test_every_part_with_text_counts(part):
    assert count_chat(chat(part)) > count_chat(chat())


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(1, 1, 1), (512, 512, 1), (1024, 1024, 4), (2048, 4096, 6), (4096, 64, 4), (4096, 8192, 6)],
)
def test_images_are_cut_into_tiles(width, height, expected):
    assert tiles(width, height) == expected
    data = base64.b64encode(png(width, height)).decode()
    assert count_image(Source(data=data)) == 85 + 170 * expected
    assert count_image(Source(url=f"data:image/png;base64,{data}")) == 85 + 170 * expected
    assert count_image(Source(data=data), "low") == 85


def test_an_image_whose_size_is_unknown_counts_250():
    assert count_image(Source(url="https://example.com/cat.png")) == 250
    assert count_image(Source(data="not base64!")) == 250
    assert count_chat(chat(Image(Source(url="https://x/y.png")))) == count_chat(chat()) + 250


@pytest.mark.parametrize(
    ("data", "kind", "size"),
    [
        (png(3, 4), "image/png", (3, 4)),
        (JPEG, "image/jpeg", (64, 32)),
        (GIF, "image/gif", (10, 20)),
        (WEBP_EXTENDED, "image/webp", (100, 200)),
        (WEBP_LOSSLESS, "image/webp", (32, 32)),
        (b"hello there, no image", None, None),
        (b"\x89PNG\r\n\x1a\n", "image/png", None),
    ],
)
def test_sizes_are_read_from_headers(data, kind, size):
    assert image_type(data) == kind
    assert image_size(data) == size


@given(st.binary(max_size=64))
def test_no_bytes_break_the_reading_of_sizes(rest):
    for head in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\0\0\0\0WEBP", b""):
        size = image_size(head + rest)
        assert size is None or min(size) > 0


@settings(deadline=None)  # the first example loads the tokenizer
@given(st.text(max_size=200), st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4))
def test_no_content_breaks_the_count(text, schema):
    tools = (Tool("t", text, {"properties": schema, "type": schema}), HostedTool("x", schema))
    assert count_chat(chat(Text(text), Image(Source(data=text)), tools=tools)) > 0


def test_the_tokenizer_is_not_loaded_before_it_is_needed():
    code = "import sys, nova_core.wire.tokens; print('bpe_openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
