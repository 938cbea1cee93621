"""Paths that name a model and a verb."""

from __future__ import annotations

import pytest

from nova_core.server.auth import with_key_of_query
from nova_core.server.paths import CallPaths
from nova_core.wire.gemini import GEMINI_EMBED, GEMINI_GENERATE, GEMINI_GENERATE_ARRAY

PATHS = CallPaths()


@pytest.mark.parametrize("prefix", ["/v1beta/models/", "/v1/models/", "/models/"])
@pytest.mark.parametrize("model", ["gpt", "vendor/family/model", "llama3:8b", "a b"])
def test_a_models_name_may_hold_slashes_and_colons(prefix: str, model: str) -> None:
    found = PATHS.find(f"{prefix}{model}:generateContent")
    assert found is not None
    assert (found.model, found.route.dialect, found.route.streams) == (model, GEMINI_GENERATE, False)


def test_a_stream_is_one_of_events_only_where_they_are_asked_for() -> None:
    path = "/v1beta/models/m:streamGenerateContent"
    for query, dialect in (
        (b"alt=sse", GEMINI_GENERATE),
        (b"key=k&alt=sse", GEMINI_GENERATE),
        (b"", GEMINI_GENERATE_ARRAY),
        (b"alt=json", GEMINI_GENERATE_ARRAY),
    ):
        found = PATHS.find(path, query)
        assert found is not None
        assert found.route.dialect is dialect
        assert found.route.streams


@pytest.mark.parametrize(
    "path", ["/v1beta/models/m", "/models/m:unknownVerb", "/v1/models/:generateContent", "/v1/models"]
)
def test_other_paths_below_models_are_none_of_these(path: str) -> None:
    assert PATHS.find(path) is None


def test_embedding_has_a_verb_too() -> None:
    found = PATHS.find("/v1beta/models/m:embedContent")
    assert found is not None
    assert found.route.dialect is GEMINI_EMBED
    assert found.route.streams is None


def test_a_key_in_the_query_counts_where_no_header_has_one() -> None:
    assert with_key_of_query({}, b"key=k%2B1&alt=sse") == {"x-goog-api-key": "k+1"}
    assert with_key_of_query({"authorization": "Bearer h"}, b"key=k") == {"authorization": "Bearer h"}
    assert with_key_of_query({}, b"alt=sse") == {}
