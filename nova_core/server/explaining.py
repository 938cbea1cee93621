"""Decision records as this process has them, and calls that are only asked about."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nova_core.errors import BadRequestError
from nova_core.gateway.why import decision_of
from nova_core.server.desk import call_of, visit_of
from nova_core.server.paths import CallPaths
from nova_core.server.serving import Edge, Serving
from nova_core.types.call import Call
from nova_core.types.principal import Principal
from nova_core.wire.body import parse_members

GUESSES = (("messages", "/v1/chat/completions"), ("prompt", "/v1/completions"), ("input", "/v1/embeddings"))
"""Which route a body is for that does not say so: by the first of these members that it has."""


def record_in(serving: Serving, call_id: str, principal: Principal) -> bytes | None:
    """The record of a call that this process has served, as JSON; None where there is none for this principal."""
    trace = serving.decisions.find(call_id, principal)
    return None if trace is None else msgspec.json.encode(decision_of(trace, private=principal.admin))


def asked_call(
    edge: Edge, body: bytes, *, headers: Mapping[str, str], principal: Principal, path: str | None = None
) -> Call:
    """The call that a request to `path` would be, by default the path that its members speak of.

    Raises BadRequestError.
    """
    path = path or _guessed(body)
    found = CallPaths().find(path)
    if found is None:
        raise BadRequestError(f"'{path}' is no route of calls", param="route")
    visit = visit_of(found, "POST", path, headers)
    visit.principal = principal
    try:
        return call_of(visit, parse_members(body, max_depth=edge.json_depth))
    except msgspec.ValidationError as error:
        raise BadRequestError(f"the request body cannot be read: {error}") from error


def _guessed(body: bytes) -> str:
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise BadRequestError(f"the request body cannot be read: {error}") from error
    path = next((path for member, path in GUESSES if member in members), None)
    if path is None:
        raise BadRequestError("say with `route` which path the request is for, such as /v1/responses", param="route")
    return path
