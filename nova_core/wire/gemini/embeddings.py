"""embedContent and batchEmbedContents as dialects."""

# https://ai.google.dev/api/embeddings

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest, Vector
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.gemini.embedded import EMBED, KEY, parse_items, render_item, task_type
from nova_core.wire.gemini.errors import render_error
from nova_core.wire.gemini.fields import camel, fields_of, member
from nova_core.wire.gemini.notes import Notes
from nova_core.wire.gemini.usage import count
from nova_core.wire.openai_chat.fields import bad_field, starts_with
from nova_core.wire.openai_chat.request import check_model
from nova_core.wire.plain_vectors import plain_request
from nova_core.wire.upstream_errors import facts_of
from nova_core.wire.whole_answers import WholeAnswers

PER_ITEM: Final = ("taskType", "outputDimensionality", "title")


class GeminiBatchEmbed(WholeAnswers):
    """`models/{model}:batchEmbedContents`. A `Dialect`; `model` is a member of a request as well."""

    name = "gemini_batch_embed"
    operation: Operation = "embedding"
    required = "requests"

    def check_request(self, members: Members) -> None:
        """`model`, and what is to be embedded."""
        check_model(members)
        value = member(members, self.required)
        if value is None or not starts_with(value, b"[{"):
            raise bad_field(self.required, "is required")

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """An `EmbeddingsRequest`; a task that is not everybody's stands in its item."""
        fields = fields_of(members, "")
        requests = fields.array("requests") or ()
        items = [fields_of(value, f"requests[{place}]") for place, value in enumerate(requests)]
        if not items:
            raise bad_field("requests", "must contain at least one request")
        return parse_items(fields, items, single=False)

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """One request for each item."""
        notes = Notes(own=False)
        embeddings = plain_request(typed, notes)
        common = _options(embeddings, notes)
        items = [
            {"model": f"models/{embeddings.model}", **common, **render_item(item, f"input[{place}]", notes)}
            for place, item in enumerate(embeddings.input)
        ]
        return {"model": embeddings.model, "requests": items}, notes.fidelity()

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Defaults where the caller gave nothing: dimensions and the task, in every request that has none."""
        added = {NAMES.get(name, camel(name)): value for name, value in defaults.items() if value is not None}
        common = {name: value for name, value in added.items() if name in PER_ITEM}
        requests = decoded(member(members, "requests")) if common else None
        if not isinstance(requests, list):
            return members
        filled = [{**common, **{camel(key): value for key, value in item.items()}} for item in requests]
        return {**members, "requests": filled}

    def check_reply(self, members: Members) -> None:
        """An `embeddings` array and no `error`; the vectors are not looked at."""
        _check_error(members)
        value = members.get("embeddings")
        if value is None or not starts_with(value, b"["):
            raise BadGatewayError("the upstream's answer is no embeddings reply: it has no `embeddings` array")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for items that are no embedding."""
        self.check_reply(members)
        return self._typed(members, members["embeddings"])

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """The vectors in order."""
        reply = _reply(typed)
        body: dict[str, Any] = {"embeddings": [_values(vector) for vector in reply.data]}
        return body | _usage(reply.usage) | dict(reply.extra.get(KEY, {}))

    def usage_of(self, members: Members) -> Usage | None:
        """`usageMetadata.promptTokenCount`, which is not always stated."""
        usage = decoded(members.get("usageMetadata"))
        tokens = count(usage, "promptTokenCount") if isinstance(usage, Mapping) else 0
        return Usage(input=tokens) if tokens else None

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """The error body."""
        return render_error(error)

    def _typed(self, members: Mapping[str, Any], found: list[Any]) -> EmbeddingsReply:
        known = ("embedding", "embeddings", "usageMetadata")
        left = {name: value for name, value in members.items() if name not in known and value is not None}
        data = tuple(_vector(item, place) for place, item in enumerate(found))
        return EmbeddingsReply("", data, self.usage_of(members), {KEY: left} if left else {})


class GeminiEmbed(GeminiBatchEmbed):
    """`models/{model}:embedContent`: one content, one vector."""

    name = EMBED
    required = "content"

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """An `EmbeddingsRequest` with one item."""
        fields = fields_of(members, "")
        item = fields_of({"content": fields.take("content")}, "")
        for name in PER_ITEM:
            if (value := fields.take(name)) is not None:
                item.put_back(name, value)
        return parse_items(fields, [item], single=True)

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The only item. Raises BadRequestError for several."""
        notes = Notes(own=False)
        embeddings = plain_request(typed, notes)
        if len(embeddings.input) != 1:
            raise BadRequestError("embedContent takes one item at a time", param="input")
        item = render_item(embeddings.input[0], "input" if embeddings.single else "input[0]", notes)
        return {"model": embeddings.model, **_options(embeddings, notes), **item}, notes.fidelity()

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Defaults where the caller gave nothing."""
        added = {NAMES.get(name, camel(name)): value for name, value in defaults.items() if value is not None}
        wanted = {name: value for name, value in added.items() if name in PER_ITEM and member(members, name) is None}
        return {**members, **wanted} if wanted else members

    def check_reply(self, members: Members) -> None:
        """An `embedding` object and no `error`."""
        _check_error(members)
        value = members.get("embedding")
        if value is None or not starts_with(value, b"{"):
            raise BadGatewayError("the upstream's answer is no embedding: it has no `embedding`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply with one vector. Raises BadGatewayError."""
        self.check_reply(members)
        return self._typed(members, [members["embedding"]])

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """The only vector."""
        reply = _reply(typed)
        if len(reply.data) != 1:
            raise BadGatewayError(f"the upstream answered one content with {len(reply.data)} vectors")
        return {"embedding": _values(reply.data[0])} | _usage(reply.usage) | dict(reply.extra.get(KEY, {}))


NAMES: Final[Mapping[str, str]] = {"dimensions": "outputDimensionality", "task": "taskType", "input_type": "taskType"}
"""What defaults are called here."""


def _options(typed: EmbeddingsRequest, notes: Notes) -> dict[str, Any]:
    """What is the same for every item."""
    options: dict[str, Any] = {}
    if typed.dimensions is not None:
        options["outputDimensionality"] = typed.dimensions
    options |= task_type(typed, notes)
    return options


def _reply(typed: TypedReply) -> EmbeddingsReply:
    if not isinstance(typed, EmbeddingsReply):
        raise BadGatewayError("a chat reply cannot be answered as an embeddings reply")
    return typed


def _vector(item: Any, place: int) -> Vector:
    values = item.get("values") if isinstance(item, Mapping) else None
    if not isinstance(values, list):
        raise BadGatewayError(f"the upstream's `embeddings[{place}]` has no `values`")
    return Vector(place, values)


def _values(vector: Vector) -> dict[str, Any]:
    if isinstance(vector.embedding, str) or (vector.embedding and not isinstance(vector.embedding[0], int | float)):
        raise BadGatewayError("the upstream's vectors are no lists of numbers")
    return {"values": vector.embedding}


def _usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    return {"usageMetadata": {"promptTokenCount": usage.input_total, "totalTokenCount": usage.total}}


def _check_error(members: Members) -> None:
    if (error := decoded(members.get("error"))) is not None:
        facts = facts_of(msgspec.json.encode({"error": error}))
        raise BadGatewayError(f"the upstream answered 200 with an error: {facts.message}")
