"""Items of embeddings requests in the spellings that callers use, and words for what vectors are for."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.types.chat import Image, Source, Text
from nova_core.types.embeddings import EmbeddingsRequest
from nova_core.wire.embedding_items import image_url, meaning, pieces_of, said_task

GIF = "R0lGODlhAQABAAAAACwAAAAAAQABAAA="
INLINE = Image(Source(data=GIF, media_type="image/gif"))
REMOTE = Image(Source(url="https://x/y.png"))


@pytest.mark.parametrize(
    ("item", "pieces"),
    [
        ("a", (Text("a"),)),
        (f"data:image/gif;base64,{GIF}", (INLINE,)),
        ({"text": "a"}, (Text("a"),)),
        ({"image": GIF}, (INLINE,)),
        ({"image": "https://x/y.png", "text": "a"}, (REMOTE, Text("a"))),
        ({"type": "image_url", "image_url": {"url": "https://x/y.png"}}, (REMOTE,)),
        ({"type": "image_base64", "image_base64": f"data:image/gif;base64,{GIF}"}, (INLINE,)),
        ({"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": "https://x/y.png"}]},
         (Text("a"), REMOTE)),
        ({"content": []}, None),
        ({"text": "a", "task": "query"}, None),
        ({"pdf": "https://x/z.pdf"}, None),
        ([1, 2], None),
        ({}, None),
    ],
)  # fmt: skip
def test_an_item_is_texts_and_images_or_nothing_that_is_known(item: Any, pieces: Any) -> None:
    assert pieces_of(item) == pieces


def test_an_image_has_an_address_wherever_it_is() -> None:
    assert image_url(REMOTE) == "https://x/y.png"
    assert image_url(INLINE) == f"data:image/gif;base64,{GIF}"


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("RETRIEVAL_QUERY", "retrieval.query"), ("search_document", "retrieval.passage"),
        (" Query ", "retrieval.query"),
        ("SEMANTIC_SIMILARITY", "text-matching"), ("clustering", "separation"), ("poetry", None), (3, None),
    ],
)  # fmt: skip
def test_words_of_many_apis_mean_the_same(word: Any, known: str | None) -> None:
    assert meaning(word) == known


def test_a_task_comes_before_the_names_that_others_have_for_it() -> None:
    extra = {"openai_embeddings": {"input_type": "query", "user_id": 1}}
    assert said_task(EmbeddingsRequest("m", ("a",), task="t", extra=extra)) == ("task", "t")
    assert said_task(EmbeddingsRequest("m", ("a",), extra=extra)) == ("input_type", "query")
    assert said_task(EmbeddingsRequest("m", ("a",))) is None
