"""What watsonx.ai's errors mean."""

# https://cloud.ibm.com/apidocs/watsonx-ai#error-handling

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import NovaError
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.body import NOT_JSON
from nova_core.wire.enveloped import Body, failure
from nova_core.wire.upstream_errors import classify, error_from_response, shortened

CODES: Final[Mapping[str, tuple[int, str | None]]] = {
    "authentication_token_expired": (401, None),
    "authentication_token_not_valid": (401, None),
    "consumption_limit_reached": (429, None),
    "rate_limit_reached_requests": (429, None),
    "token_quota_reached": (403, "insufficient_quota"),
    "max_tokens_exceeded": (400, "context_length_exceeded"),
}
"""Status and usual code of the vendor's codes whose status says less."""


def read_error(response: UpstreamResponse) -> NovaError:
    """The error of a whole response with a status of 400 and above: `{"errors": [{"code", "message"}]}`."""
    try:
        found = _first(msgspec.json.decode(response.body))
    except NOT_JSON:
        found = None
    if found is None:
        return error_from_response(response)
    said = str(found.get("code") or "")
    status, code = CODES.get(said, (response.status, None))
    message = shortened(str(found.get("message") or said or f"the upstream answered {response.status}"))
    return classify(status, message, code or said or None, headers=response.headers)


def failure_in(data: Any) -> Body | None:
    """The error that an event or a whole answer reports; None where it reports none."""
    found = _first(data)
    if found is None:
        return None
    said = str(found.get("code") or "")
    stated = data.get("status_code")
    status, code = CODES.get(said, (stated if isinstance(stated, int) else None, None))
    return failure(found.get("message") or said, code or status or said or None)


def _first(data: Any) -> Mapping[str, Any] | None:
    errors = data.get("errors") if isinstance(data, Mapping) else None
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else None
