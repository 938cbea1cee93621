"""Errors as HTTP responses: the body of the caller's dialect where it is known, else OpenAI's."""

from __future__ import annotations

import logging

import msgspec

from nova_core.errors import AuthenticationError, BadRequestError, InternalServerError, NovaError
from nova_core.server.headers import JSON, RawHeaders
from nova_core.server.serving import Serving
from nova_core.types.dialect import Dialect

logger = logging.getLogger("nova.server")


def error_body(error: NovaError, dialect: Dialect | None = None) -> bytes:
    """The JSON body: in `dialect`, or `{"error": {"message", "type", "param", "code"}}`."""
    if dialect is not None:
        return msgspec.json.encode(dialect.render_error(error))
    said = {"message": error.message, "type": error.type, "param": error.param, "code": str(error.code)}
    return msgspec.json.encode({"error": said})


def unexpected(call_id: str, error: BaseException) -> InternalServerError:
    """The answer to a fault of the gateway's own: nothing of it is shown, all of it is logged."""
    logger.error("call %s failed in the server", call_id, exc_info=error)
    return InternalServerError(f"the gateway failed; the operator finds call {call_id} in the log")


def error_headers(serving: Serving, call_id: str, error: NovaError) -> RawHeaders:
    """Headers of an error outside a call."""
    found = [JSON, *serving.edge().headers.of_error(call_id, error, None)]
    if error.status == 401 and isinstance(error, AuthenticationError):
        found.append((b"www-authenticate", b"Bearer"))
    return found


def method_not_allowed(path: str, allowed: str) -> NovaError:
    """405 for a path that exists."""
    return BadRequestError(f"{path} takes {allowed} only", status=405, code="method_not_allowed")
