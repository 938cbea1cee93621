"""Nova's provider: addresses, keys, and embeddings with images."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import ConfigurationError
from nova_core.testing.provider_bench import bench, transcription_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.body import parse_members
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_plugin_remodlai import plugin
from nova_plugin_remodlai.image_input import as_objects

GIF = base64.b64encode(base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")).decode()
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(40))).decode()
BASE = {"REMODLAI_API_BASE": "http://nova.test:8000/v1"}


def embedded(environ: dict[str, str] | None = None, **fields: Any) -> Exchange:
    raw = json.dumps({"model": "nova-embeddings-v1", **fields}).encode()
    request = Request("embedding", OPENAI_EMBEDDINGS, parse_members(raw))
    given = Deployment("i", "nova-embeddings-v1", "remodlai", "nova-embeddings-retrieval")
    return plugin.provider_call(Call(request), request, plugin.complete(given, environ or BASE))


def sent(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return body


@pytest.mark.parametrize("name", ["REMODLAI_API_BASE", "REMODL_AI_API_BASE"])
def test_both_spellings_of_the_address_are_read(name):
    exchange = embedded({name: "http://nova.test/v1/"}, input="a")
    assert exchange.request.url == "http://nova.test/v1/embeddings"


def test_without_an_address_it_is_refused_with_the_mend():
    with pytest.raises(ConfigurationError, match="REMODLAI_API_BASE or REMODL_AI_API_BASE"):
        plugin.complete(Deployment("i", "g", "remodlai", "m"), {})


def test_a_key_is_sent_only_when_there_is_one():
    assert dict(embedded(input="a").request.headers) == {"Content-Type": "application/json"}
    for name in ("REMODLAI_API_KEY", "REMODL_AI_API_KEY"):
        assert dict(embedded({**BASE, name: "k"}, input="a").request.headers)["Authorization"] == "Bearer k"


def test_every_field_of_the_superset_passes_as_it_is():
    fields = {
        "input": [{"text": "a", "task": "code", "instructions": "x"}, {"image_embeds": [0.5]}],
        "task": "retrieval.query",
        "instructions": "legal texts",
        "adapter": "retrieval",
        "image_embeds": [[0.25]],
        "return_multivector": False,
        "dimensions": 256,
        "encoding_format": "base64",
        "user": "u",
        "input_type": "query",
    }
    assert sent(embedded(**fields)) == {"model": "nova-embeddings-retrieval", **fields}


def test_the_bytes_of_texts_pass():
    raw = b'{"model":"m","input":["h\\u00e9","1.0e2"],"task":"code"}'
    request = Request("embedding", OPENAI_EMBEDDINGS, parse_members(raw))
    where = plugin.complete(Deployment("i", "g", "remodlai", "up"), BASE)
    body = plugin.provider_call(Call(request), request, where).request.body
    assert body == raw.replace(b'"model":"m"', b'"model":"up"')


@pytest.mark.parametrize(
    ("given_input", "expected"),
    [
        (GIF, [{"image": GIF}]),
        ([PNG], [{"image": PNG}]),
        (["a cat", PNG], [{"text": "a cat"}, {"image": PNG}]),
        ([f"data:image/png;base64,{PNG}", "x"], [{"image": PNG}, {"text": "x"}]),
        ([f"data:image/png;charset=utf-8;base64,{PNG}"], [{"image": PNG}]),
        ([{"text": "kept", "task": "code"}, GIF], [{"text": "kept", "task": "code"}, {"image": GIF}]),
        ([PNG, [1, 2]], [{"image": PNG}, [1, 2]]),
    ],
)
def test_strings_become_objects_when_one_is_an_image(given_input, expected):
    assert sent(embedded(input=given_input))["input"] == expected


@pytest.mark.parametrize(
    "given_input",
    [
        "internationalization",
        "aGVsbG8gd29ybGQsIHRoaXMgaXMgdGV4dCBpbiBiYXNlNjQ=",
        "R0lGODlh",
        "R0lGODlh is how every GIF begins in base64, and this is a sentence about it",
        "/9j/",
        "https://example.com/cat.png",
        "data:text/plain;base64,aGk=",
        ["a", "b"],
        [1, 2, 3],
        [[1], [2]],
        {"text": GIF},
        [{"image": PNG}],
    ],
)
def test_what_is_no_image_stays_as_it_is(given_input):
    assert as_objects(given_input) is None
    assert sent(embedded(input=given_input))["input"] == given_input


@given(st.lists(st.text()))
def test_ordinary_texts_are_never_taken_for_images(texts):
    assert as_objects(texts) is None


@given(st.lists(st.text(max_size=8), max_size=4), st.binary(min_size=32, max_size=64))
def test_order_and_number_of_items_are_kept(texts, rest):
    image = base64.b64encode(b"\x89PNG\r\n\x1a\n" + rest).decode()
    assert as_objects([*texts, image, *texts]) == [
        *({"text": text} for text in texts),
        {"image": image},
        *({"text": text} for text in texts),
    ]


def test_chat_with_pictures_passes():
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    body = {
        "model": "remodlai/nova-vision",
        "messages": [{"role": "user", "content": parts}],
        "reasoning_effort": "low",
    }
    request = Request("chat", OPENAI_CHAT, parse_members(json.dumps(body).encode()))
    where = plugin.complete(Deployment("i", "remodlai/*", "remodlai", "nova-vision"), BASE)
    exchange = plugin.provider_call(Call(request), request, where)
    assert exchange.request.url == "http://nova.test:8000/v1/chat/completions"
    assert sent(exchange) == {**body, "model": "nova-vision"}


async def test_speech_is_transcribed_by_a_form(upstream):
    upstream.script("nova-whisper", "hello there")
    given = Deployment("i", "heard", "remodlai", "nova-whisper", api_base=f"{upstream.url}/v1")
    async with bench(plugin, plugin.complete(given, {})) as at:
        reply = await at.ask(transcription_request("heard", b"abc", language="en"))
    assert isinstance(reply, Reply)
    assert reply.get("text") == "hello there"
    assert (upstream.last.route, upstream.last.form[-1].content) == ("/v1/audio/transcriptions", b"abc")
    assert upstream.last.members == {"model": "nova-whisper", "language": "en"}
