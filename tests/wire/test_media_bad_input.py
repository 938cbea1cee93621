"""Whatever is sent or answered, the formats beside chat take it, or say whose fault it is."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, BadRequestError, NovaError, StreamBrokenError
from nova_core.types.events import Frame
from nova_core.types.message import Reply, Request
from nova_core.wire.body import parse_members
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_image_edits_json import OPENAI_IMAGE_EDITS_JSON
from nova_core.wire.openai_images import IMAGE_KINDS, OPENAI_IMAGES
from nova_core.wire.openai_moderations import OPENAI_MODERATIONS
from nova_core.wire.openai_speech import KINDS, OPENAI_SPEECH

DIALECTS: tuple[Any, ...] = (
    COHERE_RERANK, JINA_RERANK, OPENAI_MODERATIONS, OPENAI_IMAGES, OPENAI_SPEECH, OPENAI_IMAGE_EDITS_JSON,
)  # fmt: skip
EVERY_DIALECT = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
WORDS = st.sampled_from(
    [
        *("index", "relevance_score", "document", "text", "image", "flagged", "categories", "b64_json", "url", "type"),
        *("search_units", "billed_units", "input_tokens", "output_tokens", "input_tokens_details", "image_tokens"),
    ]
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 3),
        st.floats(-1, 2),
        st.just(10**400),
        st.sampled_from(["", "a", " "]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
DATA_URLS = st.sampled_from(["data:image/png;base64,AAAA", "data:image/png;base64,A", "https://a.test/b.png", ""])
REFERENCES = st.dictionaries(st.sampled_from(["image_url", "file_id"]), DATA_URLS | VALUES, max_size=2)
IMAGES = st.lists(st.fixed_dictionaries({"image_url": st.just("data:image/png;base64,AAAA")}) | REFERENCES) | VALUES
ASKED = (
    *("model", "query", "documents", "top_n", "return_documents", "rank_fields", "max_tokens_per_doc", "input"),
    *("prompt", *IMAGE_KINDS, *KINDS),
)
REQUESTS = st.dictionaries(st.sampled_from(ASKED), VALUES, max_size=6) | st.fixed_dictionaries(
    {
        **{"model": st.just("m"), "query": st.just("q"), "documents": VALUES, "input": VALUES, "prompt": st.just("p")},
        "images": IMAGES,
    },
    optional={
        **dict.fromkeys(("top_n", "voice", "n", "size", "rank_fields", "speed"), VALUES),
        "mask": REFERENCES,
    },
)
REPLIES = st.dictionaries(
    st.sampled_from(["id", "model", "results", "data", "meta", "usage", "created", "error", "size"]), VALUES
)


@EVERY_DIALECT
@given(members=REQUESTS)
@settings(max_examples=150, deadline=None)
def test_a_request_is_read_and_said_again_or_refused(dialect: Any, members: dict[str, Any]) -> None:
    with suppress(BadRequestError):
        raw = parse_members(json.dumps(members).encode())
        dialect.check_request(raw)
        request = Request(dialect.operation, dialect, raw)
        again, fidelity = dialect.render_request(request.typed)
        assert dialect is COHERE_RERANK or not fidelity.lost  # which has texts alone
        dialect.check_request(again)


@EVERY_DIALECT
@given(members=REPLIES)
@settings(max_examples=150, deadline=None)
def test_a_reply_is_read_and_said_again_or_the_upstreams_fault(dialect: Any, members: dict[str, Any]) -> None:
    with suppress(BadGatewayError):
        reply = Reply(dialect.operation, dialect, parse_members(json.dumps(members).encode()))
        dialect.check_reply(reply.members)
        assert reply.usage is None or reply.usage.total >= 0
        dialect.check_reply(dialect.render_reply(reply.typed))


@pytest.mark.parametrize("dialect", [OPENAI_IMAGES, OPENAI_SPEECH], ids=lambda dialect: dialect.name)
@given(frames=st.lists(st.one_of(st.binary(max_size=20), VALUES.map(msgspec.json.encode)), max_size=5))
@settings(max_examples=150, deadline=None)
def test_a_stream_of_garbage_never_ends_cleanly(dialect: Any, frames: list[bytes]) -> None:
    relay, decoder = dialect.relay(model="m"), dialect.decoder()
    for each in (relay.relay, decoder.decode):
        with suppress(NovaError):
            for data in frames:
                each(Frame(data))
    with pytest.raises(StreamBrokenError):
        relay.end()
    with pytest.raises(StreamBrokenError):
        decoder.end()
