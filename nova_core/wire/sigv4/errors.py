"""What errors of Amazon's services mean: by the name of the exception, then by status and words."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html and each operation's errors

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import NovaError
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.body import NOT_JSON
from nova_core.wire.upstream_errors import classify, facts_of, shortened

STATUSES: Final[Mapping[str, int]] = {
    "accessdeniedexception": 403,
    "conflictexception": 400,
    "expiredtoken": 401,
    "expiredtokenexception": 401,
    "incompletesignature": 401,
    "internaldependencyexception": 503,
    "internalfailure": 500,
    "internalserverexception": 500,
    "internalstreamfailure": 500,
    "invalidclienttokenid": 401,
    "invalidsignatureexception": 401,
    "missingauthenticationtokenexception": 401,
    "modelerrorexception": 500,
    "modelnotreadyexception": 503,
    "modelstreamerror": 500,
    "modelstreamerrorexception": 500,
    "modeltimeoutexception": 408,
    "resourcenotfoundexception": 404,
    "servicequotaexceededexception": 429,
    "serviceunavailable": 503,
    "serviceunavailableexception": 503,
    "signaturedoesnotmatch": 401,
    "throttlingexception": 429,
    "unrecognizedclientexception": 401,
    "validationerror": 400,
    "validationexception": 400,
}
"""The status of an exception: its own, or that of its meaning."""
CONTEXT: Final = re.compile(
    r"too many (input )?tokens|expected maxlength: ?\d+|input is too long|prompt is too long"
    r"|exceeds the (maximum|model).{0,40}token"
)
CREDENTIALS: Final = re.compile(r"security token .{0,40}is (invalid|expired)|signature we calculated does not match")


def read_error(response: UpstreamResponse) -> NovaError:
    """The error of a whole response with a status of 400 and above."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    name = headers.get("x-amzn-errortype") or _name_in(response.body)
    return _error(response.status, name, response.body, response.headers)


def exception(name: str, body: bytes) -> NovaError:
    """The error of an exception in a stream."""
    return _error(None, name, body, {})


def _error(status: int | None, name: str, body: bytes, headers: Mapping[str, str]) -> NovaError:
    name = re.split(r"[#:]", name.strip(":"))[-1 if "#" in name else 0]
    message = _message(body) or f"the upstream answered {name or status or 'an error'} without a message"
    meant = STATUSES.get(name.lower(), status)
    words = message.lower()
    code: str | None = None
    if meant in (400, 413, 422) and CONTEXT.search(words):
        code = "context_length_exceeded"
    elif meant in (400, 403) and CREDENTIALS.search(words):
        meant = 401
    return classify(meant if meant is not None else 500, message, code, headers=headers)


def _name_in(body: bytes) -> str:
    """`__type`, which some answers state in place of the header."""
    found = _object(body).get("__type")
    return found if isinstance(found, str) else ""


def _message(body: bytes) -> str:
    """`message`, in either spelling, or whatever else the body says."""
    data = _object(body)
    found = next((data[key] for key in ("message", "Message", "originalMessage") if data.get(key)), None)
    return shortened(found) if isinstance(found, str) else facts_of(body).message


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(body)
    except NOT_JSON:
        return {}
    return data if isinstance(data, dict) else {}
