"""Errors of the management routes, in the shape that the client shows to know, else OpenAI's."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from nova_core.errors import BadRequestError, NotFoundError, NovaError, error_class_for
from nova_core.server.errors import error_body, error_headers, method_not_allowed, unexpected
from nova_core.server.scope import CALL_ID, headers_of, route_path
from nova_core.server.serving import Serving
from nova_core.server.spoken import dialect_of


def install_error_handlers(app: FastAPI, serving: Serving) -> None:
    """Render every error of the management routes."""

    def respond(request: Request, error: NovaError, more: dict[str, str] | None = None) -> Response:
        call_id = request.scope[CALL_ID]
        dialect = dialect_of(route_path(request.scope), headers_of(request.scope))
        response = Response(error_body(error, dialect), status_code=error.status)
        response.raw_headers = [
            *error_headers(serving, call_id, error),
            (b"content-length", str(len(response.body)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in (more or {}).items()),
        ]
        return response

    async def on_nova_error(request: Request, error: Any) -> Response:
        return respond(request, error)

    async def on_http_error(request: Request, error: Any) -> Response:
        return respond(request, _of_http(request, error), error.headers)

    async def on_invalid(request: Request, error: Any) -> Response:
        return respond(request, _of_validation(error))

    async def on_unexpected(request: Request, error: Any) -> Response:
        return respond(request, unexpected(request.scope[CALL_ID], error))

    app.add_exception_handler(NovaError, on_nova_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_unexpected)


def _of_http(request: Request, error: HTTPException) -> NovaError:
    path = request.scope["path"]
    if error.status_code == 404:
        return NotFoundError(f"There is no {path} here; GET /docs lists the routes.", code="not_found")
    if error.status_code == 405:
        return method_not_allowed(path, (error.headers or {}).get("Allow", "other methods"))
    return error_class_for(error.status_code)(str(error.detail), status=error.status_code)


def _of_validation(error: RequestValidationError) -> NovaError:
    first = error.errors()[0]
    param = ".".join(str(step) for step in first["loc"][1:]) or None
    return BadRequestError(f"{param or 'the request'}: {first['msg']}", param=param)
