"""OpenAI's Moderations format (`/v1/moderations`)."""

# Source: OpenAI API reference, "Moderations".

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.moderation import ModerationReply, ModerationRequest, ModerationResult
from nova_core.types.usage import Usage
from nova_core.wire.json_operation import JsonOperation, check_kinds, extra_of
from nova_core.wire.openai_chat.fields import bad_field
from nova_core.wire.openai_chat.notes import Notes

KNOWN_RESULT: Mapping[str, str] = {
    "flagged": "flagged",
    "categories": "categories",
    "category_scores": "scores",
    "category_applied_input_types": "applied",
}
"""Members of a result → fields of the typed one."""


class OpenAIModerations(JsonOperation):
    """The dialect. `model` may be left out."""

    name = "openai_moderations"
    operation: Operation = "moderation"
    answer = "results"
    default_model = "omni-moderation-latest"

    def check_request(self, members: Members) -> None:
        """`input`: a text, texts, or parts of a content. Raises BadRequestError."""
        check_kinds(members, {"model": "text"})
        self.refuse_stream(members)
        given = decoded(members.get("input"))
        if given in (None, "", []):
            problem = "is required" if given is None else "must not be empty"
            raise BadRequestError(f"`input` {problem}", param="input", code="missing_required_parameter")
        if not isinstance(given, str | list):
            raise bad_field("input", "must be a string or an array")
        for place, item in enumerate(given if isinstance(given, list) else ()):
            if not isinstance(item, str | dict):
                raise bad_field(f"input[{place}]", "must be a string or an object")

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Typed request. Raises BadRequestError whose `param` is the field's path."""
        self.check_request(members)
        given = members["input"]
        return ModerationRequest(
            model=members.get("model") or self.default_model,
            input=(given,) if isinstance(given, str) else tuple(given),
            single=isinstance(given, str),
            extra=extra_of(self.name, members, frozenset({"model", "input"})),
        )

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members of the request."""
        if not isinstance(typed, ModerationRequest):
            raise BadRequestError("only a request for moderation can be sent as one")
        notes = Notes(own=self.name in typed.extra, dialect=self.name)
        members = {"model": typed.model, "input": typed.input[0] if typed.single else list(typed.input)}
        notes.extra(members, typed.extra)
        return members, notes.fidelity()

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for results that are none."""
        self.check_reply(members)
        return ModerationReply(
            model=str(members.get("model") or ""),
            results=tuple(_result(each, place, self.name) for place, each in enumerate(members["results"])),
            id=str(members.get("id") or ""),
            extra=extra_of(self.name, members, frozenset({"model", "results", "id"})),
        )

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """OpenAI's moderation object."""
        if not isinstance(typed, ModerationReply):
            raise BadGatewayError("only a reply of a moderation can be answered as one")
        results = [
            {
                **{member: getattr(each, field) for member, field in KNOWN_RESULT.items()},
                **each.extra.get(self.name, {}),
            }
            for each in typed.results
        ]
        return {**typed.extra.get(self.name, {}), "id": typed.id, "model": typed.model, "results": results}

    def usage_of(self, members: Members) -> Usage | None:
        """Moderations state none."""
        return None


def _result(each: Any, place: int, dialect: str) -> ModerationResult:
    flagged = each.get("flagged") if isinstance(each, dict) else None
    if not isinstance(flagged, bool):
        raise BadGatewayError(f"the upstream's `results[{place}]` does not say whether it is flagged")
    named = ((field, each.get(member)) for member, field in KNOWN_RESULT.items())
    known: dict[str, Any] = {field: value for field, value in named if value is not None}
    return ModerationResult(**known, extra=extra_of(dialect, each, frozenset(KNOWN_RESULT)))


OPENAI_MODERATIONS = OpenAIModerations()
