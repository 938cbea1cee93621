"""Embeddings of texts."""

# https://docs.oracle.com/en-us/iaas/api/#/en/generative-ai-inference/20231130/datatypes/EmbedTextDetails

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.errors import BadRequestError
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Request
from nova_core.wire.enveloped import EMBEDDED, Body, failure, vendors_own

TASKS: Mapping[str, str] = {
    "retrieval": "SEARCH_DOCUMENT",
    "retrieval.passage": "SEARCH_DOCUMENT",
    "passage": "SEARCH_DOCUMENT",
    "document": "SEARCH_DOCUMENT",
    "retrieval.query": "SEARCH_QUERY",
    "query": "SEARCH_QUERY",
    "separation": "CLUSTERING",
}
"""Tasks by other names than the vendor's own, which are told by case alone."""
OWN_TASKS = frozenset({"SEARCH_DOCUMENT", "SEARCH_QUERY", "CLASSIFICATION", "CLUSTERING", "IMAGE"})
OWN_MEMBERS = ("truncate", "embeddingTypes", "isEcho")


def embeddings_request(members: Mapping[str, Any]) -> Body:
    """The details beside place and model, of OpenAI's members, decoded. Raises BadRequestError for what is no text."""
    given = members.get("input")
    items = given if isinstance(given, list) else [given]
    for place, item in enumerate(items):
        if not isinstance(item, str):
            raise BadRequestError(f"`input[{place}]` must be a text: nothing else is embedded", param=f"input[{place}]")
    body: Body = {"inputs": items}
    if members.get("dimensions") is not None:
        body["outputDimensions"] = members["dimensions"]
    if (task := _task(members)) in OWN_TASKS:
        body["inputType"] = task
    return body | {name: members[name] for name in OWN_MEMBERS if members.get(name) is not None}


def review_embeddings(request: Request) -> Fidelity:
    """What cannot be said of an embeddings request."""
    return Fidelity(tuple(_notes(request)))


def embeddings_of(answer: Mapping[str, Any]) -> Body:
    """The reply in OpenAI's format."""
    if "embeddings" not in answer:
        return failure(answer.get("message"), answer.get("code"))
    data = [
        {"object": "embedding", "index": place, "embedding": vector}
        for place, vector in enumerate(answer["embeddings"])
    ]
    said = answer.get("usage") or {}
    count = said.get("promptTokens")
    usage = {"usage": {"prompt_tokens": count, "total_tokens": said.get("totalTokens", count)}} if count else {}
    return {"object": "list", "data": data, "model": answer.get("modelId") or "", **usage}


def _task(members: Mapping[str, Any]) -> str | None:
    task = members.get("task") or members.get("input_type")
    return TASKS.get(task, task.upper()) if isinstance(task, str) else None


def _notes(request: Request) -> Iterator[FieldNote]:
    task = _task({name: request.get(name) for name in ("task", "input_type")})
    if task is not None and task not in OWN_TASKS:
        yield FieldNote("task", Fate.LOST, f"there is no such task: {task.lower()}")
    if request.get("return_multivector"):
        yield FieldNote("return_multivector", Fate.LOST, "vectors are pooled")
    if request.get("user") is not None:
        yield FieldNote("user", Fate.HINT)
    for name in vendors_own(request.members, {*EMBEDDED, *OWN_MEMBERS}):
        yield FieldNote(name, Fate.LOST, "the vendor has no such member")
