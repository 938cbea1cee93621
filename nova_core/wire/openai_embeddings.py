"""OpenAI's Embeddings format (`/v1/embeddings`), with Nova's and Jina's fields beside it."""

# Source: OpenAI API reference, "Embeddings"; Nova adds objects as input items, `task`, `return_multivector`,
# `instructions`, `adapter` and `image_embeds`.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.embeddings import EmbeddingsReply, EmbeddingsRequest, Vector
from nova_core.types.fidelity import EXACT, Fate, Fidelity, FieldNote
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.upstream_errors import facts_of
from nova_core.wire.whole_answers import WholeAnswers

KNOWN_REQUEST = frozenset({"model", "input", "dimensions", "encoding_format", "task", "return_multivector", "user"})
OPTIONS = KNOWN_REQUEST - {"model", "input"}
KNOWN_REPLY = frozenset({"model", "data", "usage"})
FORMATS = ("float", "base64")


class OpenAIEmbeddings(WholeAnswers):
    """The dialect. Numbers of a reply are decoded only by `parse_reply`; passing through leaves their bytes."""

    name = "openai_embeddings"
    operation: Operation = "embedding"

    def check_request(self, members: Members) -> None:
        """`model` and a non-empty `input`, and the types of the documented fields."""
        _model(members)
        _check_input(decoded(members.get("input")))
        if options := members.keys() & OPTIONS:
            _check_options({name: decoded(members[name]) for name in options})

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field's path."""
        self.check_request(members)
        given = members["input"]
        # A list of numbers is one item (tokens), not many.
        single = not isinstance(given, list) or _is_tokens(given)
        return EmbeddingsRequest(
            model=_model(members),
            input=(given,) if single else tuple(given),
            single=single,
            dimensions=members.get("dimensions"),
            encoding_format=members.get("encoding_format"),
            task=members.get("task"),
            return_multivector=members.get("return_multivector"),
            user=members.get("user"),
            extra=_extra(self.name, members, KNOWN_REQUEST),
        )

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request; extras of this dialect are put back."""
        if not isinstance(typed, EmbeddingsRequest):
            raise BadRequestError("a chat request cannot be sent as an embeddings request")
        members: dict[str, Any] = {"model": typed.model, "input": typed.input[0] if typed.single else list(typed.input)}
        for name in ("encoding_format", "dimensions", "task", "return_multivector", "user"):
            if (value := getattr(typed, name)) is not None:
                members[name] = value
        lost = [
            FieldNote(name, Fate.LOST, f"only {dialect} has it")
            for dialect, extra in typed.extra.items()
            for name in (extra if dialect != self.name else ())
        ]
        return {**members, **typed.extra.get(self.name, {})}, Fidelity(tuple(lost)) if lost else EXACT

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Defaults where the caller gave nothing (null counts as nothing).

        `dimensions` and `return_multivector` exclude each other: the caller's word for one leaves out the other.
        """
        added = {name: value for name, value in defaults.items() if decoded(members.get(name)) is None}
        if decoded(members.get("return_multivector")) is True:
            added.pop("dimensions", None)
        if decoded(members.get("dimensions")) is not None:
            added.pop("return_multivector", None)
        return {**members, **added} if added else members

    def check_reply(self, members: Members) -> None:
        """A `data` array and no `error`; the vectors are not looked at."""
        if (error := decoded(members.get("error"))) is not None:
            facts = facts_of(msgspec.json.encode({"error": error}))
            raise BadGatewayError(f"the upstream answered 200 with an error: {facts.message}")
        data = members.get("data")
        # Undecoded members begin with their first byte that is no white space.
        is_array = bytes(memoryview(data)[:1]) == b"[" if isinstance(data, msgspec.Raw) else isinstance(data, list)
        if not is_array:
            raise BadGatewayError("the upstream's answer is no embeddings reply: it has no `data` array")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for items that are no embedding."""
        self.check_reply(members)
        model = members.get("model")
        return EmbeddingsReply(
            model=model if isinstance(model, str) else "",
            data=tuple(_vector(item, place) for place, item in enumerate(members["data"])),
            usage=self.usage_of(members),
            extra=_extra(self.name, members, KNOWN_REPLY),
        )

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """OpenAI's list object."""
        if not isinstance(typed, EmbeddingsReply):
            raise BadGatewayError("a chat reply cannot be answered as an embeddings reply")
        usage = typed.usage or Usage()
        data = [{"object": "embedding", "index": v.index, "embedding": v.embedding} for v in typed.data]
        return {
            "object": "list",
            **{name: value for name, value in typed.extra.get(self.name, {}).items() if name != "object"},
            "data": data,
            "model": typed.model,
            "usage": {"prompt_tokens": usage.input_total, "total_tokens": usage.total},
        }

    def usage_of(self, members: Members) -> Usage | None:
        """`usage.prompt_tokens` (or `total_tokens`), in tokens."""
        usage = decoded(members.get("usage"))
        if not isinstance(usage, dict):
            return None
        for name in ("prompt_tokens", "input_tokens", "total_tokens"):
            count = usage.get(name)
            if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
                return Usage(input=count)
        return None

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """OpenAI's error body."""
        return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


def _model(members: Members) -> str:
    model = decoded(members.get("model"))
    if not isinstance(model, str) or not model:
        raise BadRequestError("`model` is required and must be a string", param="model")
    return model


def _check_input(given: Any) -> None:
    if given is None:
        raise BadRequestError("`input` is required", param="input", code="missing_required_parameter")
    if isinstance(given, dict) and given:
        return
    if isinstance(given, str) and given:
        return
    if isinstance(given, list) and given:
        _check_items(given)
        return
    kind = "must not be empty" if given in ("", [], {}) else "must be text, tokens, an object or a list of these"
    raise BadRequestError(f"`input` {kind}", param="input")


def _check_items(items: list[Any]) -> None:
    if _is_tokens(items):
        return
    for place, item in enumerate(items):
        fine = isinstance(item, str | dict) or (isinstance(item, list) and _is_tokens(item))
        if not fine or item in ({}, []):
            raise BadRequestError(
                f"`input[{place}]` must be text, a list of tokens or a non-empty object", param=f"input[{place}]"
            )


def _is_tokens(value: list[Any]) -> bool:
    return bool(value) and all(type(token) is int and token >= 0 for token in value)


def _check_options(given: Mapping[str, Any]) -> None:
    encoding = given.get("encoding_format")
    if encoding is not None and encoding not in FORMATS:
        raise BadRequestError("`encoding_format` must be `float` or `base64`", param="encoding_format")
    dimensions = given.get("dimensions")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        raise BadRequestError("`dimensions` must be a positive integer", param="dimensions")
    for name, kind, word in (
        ("task", str, "a string"),
        ("user", str, "a string"),
        ("return_multivector", bool, "true or false"),
    ):
        value = given.get(name)
        if value is not None and not isinstance(value, kind):
            raise BadRequestError(f"`{name}` must be {word}", param=name)


def _vector(item: Any, place: int) -> Vector:
    embedding = item.get("embedding") if isinstance(item, dict) else None
    if not isinstance(embedding, str | list):
        raise BadGatewayError(f"the upstream's `data[{place}]` has no embedding")
    index = item.get("index")
    return Vector(index if type(index) is int else place, embedding)


def _extra(name: str, members: Mapping[str, Any], known: frozenset[str]) -> dict[str, dict[str, Any]]:
    rest = {field: value for field, value in members.items() if field not in known}
    return {name: rest} if rest else {}


OPENAI_EMBEDDINGS = OpenAIEmbeddings()
