"""Providers: where a deployment lives, and the sans-I/O provider that speaks known dialects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar
from urllib.parse import urlsplit, urlunsplit

from nova_core.errors import AuthenticationError, BadGatewayError, BadRequestError, ConfigurationError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Reply, Request, TypedRequest
from nova_core.types.routing import ModelCard
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, FrameParser, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import parse_members
from nova_core.wire.drop_policy import DropPolicy, review, top_level
from nova_core.wire.sse import SseParser
from nova_core.wire.translate import translate_request
from nova_core.wire.upstream_errors import error_from_response, excerpt

STREAMED: frozenset[Operation] = frozenset({"chat", "completion"})
# What a provider without the operation of a request can serve it through.
THROUGH: Mapping[Operation, Operation] = {"completion": "chat", "chat": "completion"}

HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "trailers", "transfer-encoding", "upgrade", "set-cookie", "set-cookie2", "alt-svc",
        "strict-transport-security", "www-authenticate", "date", "server", "vary", "age", "location",
    }
)  # fmt: skip
PRIVATE = ("content-", "access-control-", "cross-origin-")


class Provider:
    """What the gateway asks of every provider besides its hooks. `providers` are the names it serves."""

    providers: tuple[str, ...] = ()

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """The deployment with what is still missing; asked once, when the catalog is built.

        Raises ConfigurationError when the deployment cannot work without something the operator must give.
        """
        return deployment

    def models(self) -> Sequence[ModelCard]:
        """Models that this provider offers without being configured."""
        return ()

    def operations(self, model: str) -> frozenset[str]:
        """The operations that `model` can be asked for."""
        return frozenset({"chat", "completion", "embedding", "count_tokens"})


class DialectProvider(Provider):
    """A provider that is reached over HTTP and speaks known dialects; subclasses are data plus quirks.

    `base_url` is the vendor's own address, None when the operator must say; `api_base_env` and `api_key_env`
    are asked in order. `key_required` is about the vendor's own address: servers elsewhere may need no key.
    `paths` are appended to the base per operation. `unsupported` members change the answer's meaning and the
    vendor refuses them; `hints` do not, and are always left out. `joined_headers` (lower case) hold lists:
    several values are joined, where of other headers the last one wins.
    """

    base_url: str | None = None
    api_base_env: tuple[str, ...] = ()
    api_key_env: tuple[str, ...] = ()
    key_required: bool = True
    dialects: Mapping[Operation, Dialect] = {}
    paths: Mapping[Operation, str] = {}
    unsupported: frozenset[str] = frozenset()
    hints: frozenset[str] = frozenset()
    joined_headers: frozenset[str] = frozenset()
    secret_headers: ClassVar[frozenset[str]] = frozenset({"authorization", "x-api-key", "api-key"})

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Fill `api_base` and `api_key` from the environment. Raises ConfigurationError without a usable base."""
        base = deployment.api_base or _first(environ, self.api_base_env) or self.base_url
        if not base:
            raise ConfigurationError(
                f"provider {deployment.provider} has no address of its own: set `api_base` for {deployment.model}"
                + _or_environment(self.api_base_env)
            )
        if not base.startswith(("http://", "https://")):
            raise ConfigurationError(f"`api_base` of {deployment.model} must start with http:// or https://")
        key = deployment.api_key if deployment.api_key and deployment.api_key.reveal() else None
        if key is None and (found := _first(environ, self.api_key_env)):
            key = Secret(found)
        return replace(deployment, api_base=base, api_key=key)

    def operations(self, model: str) -> frozenset[str]:
        """What it speaks; completions can also go through chat, and the other way round."""
        served = set(self.dialects)
        return frozenset(served | {asked for asked, through in THROUGH.items() if through in served})

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """Credentials and the vendor's own headers. Raises AuthenticationError when a needed key is missing."""
        return []

    def request_headers(self, request: Request, call: Call) -> list[tuple[str, str]]:
        """Headers that depend on what is sent; `request` is in the vendor's words."""
        return []

    def review(self, request: Request) -> Fidelity:
        """What of this request (in the provider's dialect, upstream's model name) the vendor cannot take.

        Whole members with the fate HINT or LOST are then left out; a note on a deeper path is a promise that
        `to_upstream` takes it out.
        """
        return review(request.members, sorted(self.unsupported), sorted(self.hints))

    def before_translation(self, typed: TypedRequest) -> TypedRequest:
        """A request of another dialect, with the upstream's model name, as it should be translated."""
        return typed

    def to_upstream(self, request: Request) -> Request:
        """The request in the vendor's words; it is already in the provider's dialect."""
        return request

    def with_usage(self, request: Request) -> Request:
        """A streamed request that asks for usage: where the gateway counts it, or the caller's dialect shows it."""
        return request

    def from_upstream(self, reply: Reply) -> Reply:
        """The vendor's reply in the dialect's words."""
        return reply

    def frames(self, dialect: Dialect) -> FrameParser:
        """A parser for one streamed answer."""
        return SseParser()

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served. A trailing slash is tolerated, a path already there is not repeated."""
        parts = urlsplit(deployment.api_base or self.base_url or "")
        path = self.paths[operation]
        base = parts.path.rstrip("/").removesuffix(path)
        return urlunsplit((parts.scheme, parts.netloc, base + path, parts.query, ""))

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """What a status of 400 and above means."""
        return error_from_response(response)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        dialect = self.dialect_for(request.operation, deployment)
        credentials = self.headers(deployment, call)
        policy = DropPolicy.of(call.options, deployment)
        upstream, fidelity = self._prepared(request, dialect, deployment, policy, metered=call.metered)
        call.fidelity = fidelity
        headers = self._merged([*credentials, *self.request_headers(upstream, call), *deployment.extra_headers.items()])
        streamed = dialect.operation in STREAMED and upstream.stream
        return Exchange(
            UpstreamRequest(
                self.url(deployment, dialect.operation), headers=headers, body=upstream.encode(), stream=streamed
            ),
            dialect,
            read=partial(self._read, dialect),
            read_error=partial(self._read_error, deployment),
            frames=partial(self.frames, dialect) if streamed else None,
            fidelity=fidelity,
        )

    def dialect_for(self, operation: Operation, deployment: Deployment) -> Dialect:
        """The dialect that serves `operation`. Raises BadRequestError when the provider has none."""
        for candidate in (operation, THROUGH.get(operation)):
            if candidate is not None and candidate in self.dialects:
                return self.dialects[candidate]
        served = ", ".join(sorted(self.dialects))
        raise BadRequestError(
            f"provider {deployment.provider} does not serve {operation} (model {deployment.model}); "
            f"it serves: {served}",
            code="unsupported_operation",
        )

    def key(self, deployment: Deployment) -> str | None:
        """The key to send. Raises AuthenticationError when the vendor's own address is to be asked without one."""
        if deployment.api_key is not None and (key := deployment.api_key.reveal()):
            return key
        own_address = (deployment.api_base or "").rstrip("/") in ("", (self.base_url or "").rstrip("/"))
        if self.key_required and own_address:
            raise AuthenticationError(
                f"no API key for provider {deployment.provider}: the operator must set "
                f"`api_key` for {deployment.model}{_or_environment(self.api_key_env)}",
                code="missing_api_key",
            )
        return None

    def _prepared(
        self, request: Request, dialect: Dialect, deployment: Deployment, policy: DropPolicy, *, metered: bool
    ) -> tuple[Request, Fidelity]:
        if policy.is_plain and request.dialect.name == dialect.name:
            upstream = request.with_members({"model": deployment.model})
            if not self.review(upstream).notes:
                upstream = self.to_upstream(upstream)
                return (self.with_usage(upstream) if metered and upstream.stream else upstream), Fidelity()
        asked, removed = policy.remove(request)
        upstream, fidelity = self._translated(asked, dialect, deployment.model)
        refused = self.review(upstream)
        settled = policy.settle(fidelity + refused, provider=deployment.provider, model=deployment.model)
        whole = {name for name in refused.dropped if name == top_level(name)}
        upstream = self.to_upstream(upstream.without(*(whole - policy.allowed)))
        spoken = {name: value for name, value in asked.members.items() if name in policy.allowed}
        missing = {name: value for name, value in spoken.items() if name not in upstream.members}
        translated = asked.dialect.name != dialect.name
        if translated and missing:
            upstream = upstream.with_members(missing)
        if upstream.stream and (translated or metered):
            upstream = self.with_usage(upstream)
        upstream, removed_late = policy.remove(upstream)
        return upstream, Fidelity((*removed, *settled.notes, *removed_late))

    def _translated(self, request: Request, dialect: Dialect, model: str) -> tuple[Request, Fidelity]:
        if request.dialect.name == dialect.name:
            return request.with_members({"model": model}), Fidelity()
        # Translation may depend on which model will read the request, so it is told the upstream's name.
        typed = self.before_translation(replace(request.typed, model=model))
        upstream, fidelity = translate_request(request, dialect, typed=typed)
        return upstream.with_members({"model": model}), fidelity

    def _merged(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        merged = {"content-type": ("Content-Type", "application/json")}
        for name, value in headers:
            known = merged.get(name.lower())
            if known and name.lower() in self.joined_headers:
                values = [part.strip() for part in f"{known[1]},{value}".split(",")]
                value = ",".join(dict.fromkeys(part for part in values if part))
            merged[name.lower()] = (name, value)
        return tuple(merged.values())

    def _read(self, dialect: Dialect, response: UpstreamResponse) -> Reply:
        if response.status >= 300:
            raise BadGatewayError(f"the upstream answered {response.status} instead of a reply: {excerpt(response)}")
        try:
            members = parse_members(response.body)
        except BadRequestError as error:
            raise BadGatewayError(f"the upstream's answer is not a JSON object: {excerpt(response)}") from error
        dialect.check_reply(members)
        reply = Reply(dialect.operation, dialect, members, headers=public_headers(response.headers))
        return self.from_upstream(reply)

    def _read_error(self, deployment: Deployment, response: UpstreamResponse) -> NovaError:
        return without_secrets(self.read_error(response), deployment, self.secret_headers)


def without_secrets(
    error: NovaError, deployment: Deployment, names: frozenset[str] = DialectProvider.secret_headers
) -> NovaError:
    """The same error, the deployment's key and its headers of these (lower case) names masked in the message."""
    for secret in _secrets(deployment, names):
        error.message = error.message.replace(secret, "****")
    error.args = (error.message,)
    return error


def public_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Upstream headers that may reach the caller, lower case: no hop-by-hop, cookie or content headers."""
    lower = ((name.lower(), value) for name, value in headers.items())
    return {name: value for name, value in lower if name not in HOP_BY_HOP and not name.startswith(PRIVATE)}


def _first(environ: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((value for name in names if (value := environ.get(name, "").strip())), None)


def _or_environment(names: Sequence[str]) -> str:
    return f", or the environment variable {' or '.join(names)}" if names else ""


def _secrets(deployment: Deployment, secret_headers: frozenset[str]) -> tuple[str, ...]:
    """What must never be quoted back from an upstream's text."""
    values = [value for name, value in deployment.extra_headers.items() if name.lower() in secret_headers]
    if deployment.api_key is not None:
        values.append(deployment.api_key.reveal())
    return tuple(value for value in values if len(value) >= 6)
