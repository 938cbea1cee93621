"""Providers: where a deployment lives, and the sans-I/O provider that speaks known dialects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec

from nova_core.errors import AuthenticationError, BadGatewayError, BadRequestError, ConfigurationError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import NO_OPTIONS, Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect, ReadsRaw, TakesForms
from nova_core.types.fidelity import EXACT, Fidelity
from nova_core.types.message import Operation, Reply, Request, TypedRequest
from nova_core.types.routing import ModelCard
from nova_core.types.secret import Secret
from nova_core.types.structural import has_last_word
from nova_core.types.upstream import Exchange, FrameParser, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import parse_members
from nova_core.wire.drop_policy import DropPolicy, review, top_level
from nova_core.wire.multipart import form_request
from nova_core.wire.passed_headers import public_headers
from nova_core.wire.sse import SseParser
from nova_core.wire.translate import translate_request
from nova_core.wire.upstream_errors import error_from_response, excerpt
from nova_core.wire.vectors_aside import vector_members

Method = TypeVar("Method", bound=Callable[..., Any])
STREAMED: frozenset[Operation] = frozenset(
    {"chat", "completion", "image_generation", "image_edit", "speech", "transcription"}
)
# What a provider without the operation of a request can serve it through.
THROUGH: Mapping[Operation, Operation] = {"completion": "chat", "chat": "completion"}

OF_DEPLOYMENT = "of_deployment"
MOST_LANES = 10_000


def of_deployment(method: Method) -> Method:
    """Mark `headers` of a provider as decided by the deployment alone: they are then made once, not for every call.

    A subclass that overrides the method says so again, or is asked every time.
    """
    setattr(method, OF_DEPLOYMENT, True)
    return method


class Lane(msgspec.Struct, frozen=True):
    """What all calls of one deployment in one dialect share. `headers` is None where they are made for each.

    `renamed` is the member that names the model, and `skips` says that requests may be `untouched`.
    """

    deployment: Deployment
    dialect: Dialect
    url: str
    headers: tuple[tuple[str, str], ...] | None
    policy: DropPolicy
    renamed: Mapping[str, msgspec.Raw]
    streams: bool
    skips: bool
    form: bool
    read: Callable[[UpstreamResponse], Reply]
    read_error: Callable[[UpstreamResponse], NovaError]
    frames: Callable[[], FrameParser]

    def __repr__(self) -> str:
        return f"Lane({self.deployment.id}, {self.dialect.name})"


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
    `paths` are appended to the base per operation. `natives` are further dialects of an operation, by name, and
    `native_paths` where they are served: a caller who speaks one of them is served in it. `unsupported` members
    change the answer's meaning and the vendor refuses them; `hints` do not, and are always left out.
    `joined_headers` (lower case) hold lists: several values are joined, where of other headers the last one wins.
    """

    base_url: str | None = None
    api_base_env: tuple[str, ...] = ()
    api_key_env: tuple[str, ...] = ()
    key_required: bool = True
    dialects: Mapping[Operation, Dialect] = {}
    paths: Mapping[Operation, str] = {}
    natives: Mapping[str, Dialect] = {}
    native_paths: Mapping[str, str] = {}
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

    def untouched(self, request: Request) -> bool:
        """Whether a request in the provider's dialect goes as it is, but for its model's name: `review` and
        `to_upstream` are then not asked. Counts only in the class that has the last word in these two.
        """
        return False

    def review(self, request: Request) -> Fidelity:
        """What of this request (in the provider's dialect, upstream's model name) the vendor cannot take.

        Whole members with the fate HINT or LOST are then left out; a note on a deeper path is a promise that
        `to_upstream` takes it out.
        """
        if self._watched.isdisjoint(request.members):
            return EXACT
        return review(request.members, sorted(self.unsupported), sorted(self.hints))

    @cached_property
    def _watched(self) -> frozenset[str]:
        return self.unsupported | self.hints

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
        return self._at(deployment, self.paths[operation])

    def native_url(self, deployment: Deployment, dialect: str) -> str:
        """Where one of `natives` is served; a path of chat at the end of the base gives way to its own."""
        return self._at(deployment, self.native_paths[dialect], *self.paths.values())

    def native(self, dialect: str, deployment: Deployment) -> Dialect | None:
        """The caller's own dialect where the provider speaks it beside those of its operations."""
        return self.natives.get(dialect)

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """What a status of 400 and above means."""
        return error_from_response(response)

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request. Vendors that name the model or the streaming in the URL take them out of the body here."""
        if lane.form:
            return form_request(lane.url, request.members, headers, streamed)
        return UpstreamRequest(lane.url, "POST", headers, request.encode(), streamed)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        lane = self._lanes.get((deployment.id, request.dialect.name))
        if lane is None or lane.deployment is not deployment:
            lane = self._new_lane(request, deployment)
        dialect = lane.dialect
        # Asked first: without a key nothing else is worth a look.
        headers = self.headers(deployment, call) if lane.headers is None else ()
        upstream, fidelity = None, EXACT
        without_options = call.options is NO_OPTIONS
        if lane.skips and without_options and not call.metered:
            renamed = request.with_members(lane.renamed)
            upstream = renamed if self.untouched(renamed) else None
        if upstream is None:
            policy = lane.policy if without_options else DropPolicy.of(call.options, deployment)
            upstream, fidelity = self._prepared(request, lane, policy, metered=call.metered)
        call.fidelity = fidelity
        merged = lane.headers
        if merged is None:
            merged = self._merged([*headers, *self.request_headers(upstream, call), *deployment.extra_headers.items()])
        streamed = lane.streams and upstream.stream
        return Exchange(
            self.outgoing(lane, upstream, merged, streamed),
            dialect,
            lane.read,
            lane.read_error,
            lane.frames if streamed else None,
            fidelity,
        )

    @cached_property
    def _lanes(self) -> dict[tuple[str, str], Lane]:
        return {}

    def _new_lane(self, request: Request, deployment: Deployment) -> Lane:
        """What every call of a deployment in one dialect has in common, worked out once."""
        native = self.native(request.dialect.name, deployment)
        dialect = native or self.dialect_for(request.operation, deployment)
        own = type(self)
        settled = own.request_headers is DialectProvider.request_headers and hasattr(own.headers, OF_DEPLOYMENT)
        headers = None
        if settled:
            nobody = Call(Request(request.operation, dialect, {"model": deployment.model}))
            headers = self._merged([*self.headers(deployment, nobody), *deployment.extra_headers.items()])
        policy = DropPolicy.of(NO_OPTIONS, deployment)
        knows_all = has_last_word(own, "untouched", over=("review", "to_upstream"))
        lane = Lane(
            deployment=deployment,
            dialect=dialect,
            url=self.native_url(deployment, dialect.name) if native else self.url(deployment, dialect.operation),
            headers=headers,
            policy=policy,
            renamed={"model": msgspec.Raw(msgspec.json.encode(deployment.model))},
            streams=dialect.operation in STREAMED,
            skips=knows_all and policy.is_plain and request.dialect.name == dialect.name,
            form=isinstance(dialect, TakesForms),
            read=partial(self._read_any if isinstance(dialect, ReadsRaw) else self._read, dialect),
            read_error=partial(self._read_error, deployment),
            frames=partial(self.frames, dialect),
        )
        if len(self._lanes) >= MOST_LANES:
            self._lanes.clear()
        self._lanes[deployment.id, request.dialect.name] = lane
        return lane

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

    def _at(self, deployment: Deployment, path: str, *others: str) -> str:
        parts = urlsplit(deployment.api_base or self.base_url or "")
        base = parts.path.rstrip("/")
        for known in (path, *others):
            base = base.removesuffix(known)
        return urlunsplit((parts.scheme, parts.netloc, base + path, parts.query, ""))

    def _prepared(self, request: Request, lane: Lane, policy: DropPolicy, *, metered: bool) -> tuple[Request, Fidelity]:
        dialect, deployment = lane.dialect, lane.deployment
        if policy.is_plain and request.dialect.name == dialect.name:
            upstream = request.with_members(lane.renamed)
            if not self.review(upstream).notes:
                upstream = self.to_upstream(upstream)
                return (self.with_usage(upstream) if metered and upstream.stream else upstream), EXACT
        asked, removed = policy.remove(request)
        upstream, fidelity = self._translated(asked, dialect, deployment)
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

    def _translated(self, request: Request, dialect: Dialect, deployment: Deployment) -> tuple[Request, Fidelity]:
        model = deployment.model
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
            members = (vector_members if dialect.operation == "embedding" else parse_members)(response.body)
        except BadRequestError as error:
            raise BadGatewayError(f"the upstream's answer is not a JSON object: {excerpt(response)}") from error
        dialect.check_reply(members)
        return self.from_upstream(Reply(dialect.operation, dialect, members, headers=public_headers(response.headers)))

    def _read_any(self, dialect: Dialect, response: UpstreamResponse) -> Reply:
        if response.status < 300 and isinstance(dialect, ReadsRaw):
            raw = dialect.read_raw(response)
            if raw is not None:
                raw.headers = public_headers(response.headers)
                return self.from_upstream(raw)
        return self._read(dialect, response)

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
