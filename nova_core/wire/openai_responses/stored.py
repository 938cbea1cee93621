"""Exchanges about a response that an upstream keeps itself: retrieve, cancel, delete, list its input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Reply
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import parse_members
from nova_core.wire.openai_responses.fields import NAME
from nova_core.wire.passed_headers import public_headers
from nova_core.wire.provider import DialectProvider, without_secrets
from nova_core.wire.upstream_errors import excerpt


@dataclass(frozen=True, slots=True)
class About:
    """What is asked about a response: `path` is below its own (`/cancel`), `query` in order."""

    method: str
    id: str
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()

    @property
    def streamed(self) -> bool:
        """Whether the answer is asked for as a stream."""
        return ("stream", "true") in self.query


def stored_exchange(
    provider: DialectProvider, call: Call, deployment: Deployment, dialect: Dialect, about: About
) -> Exchange:
    """The exchange; its reply is whatever JSON object the upstream answers, in the dialect's words."""
    parts = urlsplit(provider.native_url(deployment, NAME))
    query = "&".join(text for text in (parts.query, urlencode(about.query)) if text)
    path = f"{parts.path}/{quote(about.id, safe='')}{about.path}"
    headers = [("Accept", "application/json"), *provider.headers(deployment, call), *deployment.extra_headers.items()]
    return Exchange(
        UpstreamRequest(
            urlunsplit((parts.scheme, parts.netloc, path, query, "")),
            method=about.method,
            headers=tuple({name.lower(): (name, value) for name, value in headers}.values()),
            stream=about.streamed,
        ),
        dialect,
        read=partial(_read, provider, dialect),
        read_error=partial(_read_error, provider, deployment),
        frames=partial(provider.frames, dialect) if about.streamed else None,
    )


def _read(provider: DialectProvider, dialect: Dialect, response: UpstreamResponse) -> Reply:
    try:
        members = parse_members(response.body)
    except BadRequestError as error:
        raise BadGatewayError(f"the upstream's answer is not a JSON object: {excerpt(response)}") from error
    return provider.from_upstream(Reply(dialect.operation, dialect, members, headers=public_headers(response.headers)))


def _read_error(provider: DialectProvider, deployment: Deployment, response: UpstreamResponse) -> NovaError:
    return without_secrets(provider.read_error(response), deployment, provider.secret_headers)
