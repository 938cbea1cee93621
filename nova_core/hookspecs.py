"""The contract: every hook a plugin can implement, when it fires, what it may do and what its answer means.

One answer rule for all of them: `None` = no opinion; a value = the new answer; raise = stop.
Hook implementations are plain or async functions (specs marked *sync* must be plain), may take fewer
parameters than the spec, and are compiled at start-up; nothing of pluggy runs during a call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from nova_core.errors import NovaError
from nova_core.types.call import Attempt, Call, CallRecord
from nova_core.types.deployment import Deployment
from nova_core.types.events import Chunk
from nova_core.types.facts import ModelFacts
from nova_core.types.message import Reply, Request, Stream
from nova_core.types.principal import Credential, Principal
from nova_core.types.routing import Catalog, ModelCard, Snapshot
from nova_core.types.upstream import Exchange

if TYPE_CHECKING:
    from nova_core.types.plugin import ConfigSection, GatewayView, Routes

PROJECT = "nova"
CONTRACT_VERSION = "0.1"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class NovaSpec:
    """All hooks. The first four carry a call."""

    @hookspec
    def pre_call(self, call: Call, request: Request) -> Request | Reply | Stream | None:
        """Inward, before routing, once per call (child calls included).

        `call` is the call so far, `request` the request as the plugin before left it. A `Request` replaces it;
        a `Reply` or `Stream` answers at once (a cache hit): what follows is skipped, and only the plugins that
        had already let the call in see the answer. Raise to stop the call (a guardrail, a limit).
        """

    @hookspec
    def plan_call(self, call: Call, request: Request) -> Sequence[Request] | None:
        """*Sync*, pure. What the same plugin's `pre_call` makes of `request`, where that changes how `call` is routed.

        Asked where decisions are explained or rehearsed: there `pre_call` is not run. One request replaces this one;
        several are those of the child calls that answer `call`. Raise what `pre_call` would raise.
        """

    @hookspec
    def route_select(
        self, call: Call, request: Request, candidates: tuple[Deployment, ...], snapshot: Snapshot
    ) -> Sequence[Deployment] | None:
        """*Sync*, pure. For each model group that is tried: narrow or reorder what the one before left.

        `call` and `request` are being routed, `candidates` in order of preference, `snapshot` the state to decide
        with. Answer the remaining candidates, most preferred first; write down why with `call.note`. An empty
        answer means that no deployment fits; raise to say what the caller must change.
        """

    @hookspec
    def route_state(self, call: Call, request: Request, candidates: tuple[Deployment, ...]) -> Mapping[str, Any] | None:
        """*Sync*. Before a model group is decided: what this plugin's decision depends on beside the call.

        `call` and `request` are about to be routed to the deployments in `candidates`. Answer entries of
        `Snapshot.state`, named after the plugin: plain data, as JSON has it, that nothing changes afterwards, since
        decisions are recorded and decided again with it. Errors in it are logged, and there is no state then.
        """

    @hookspec
    def route_rank(
        self, call: Call, request: Request, candidates: tuple[Deployment, ...], snapshot: Snapshot
    ) -> Sequence[Deployment] | None:
        """*Sync*, pure. After everything was left out, for each order level by itself: who is asked first.

        `call` and `request` are being routed, `candidates` are those of one level, two at least, `snapshot` is the
        state to decide with. Answer them in the order in which they are tried; those that are left out are not. The
        first answer wins, and it says why with `call.note`. `None` from all is a weighted shuffle.
        """

    @hookspec
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange | Reply | Stream | None:
        """One attempt. Only the plugin that provides `deployment.provider` is asked; `None` is an error.

        `call` is the call, `request` what to send (deployment defaults added, own fields removed). A sans-I/O
        provider answers with an `Exchange` and the core moves the bytes; an in-process model answers with a
        `Reply` or `Stream` itself. Raise a `NovaError` to fail the attempt.
        """

    @hookspec
    def post_call(self, call: Call, request: Request, reply: Reply) -> Reply | None:
        """Outward, in the reverse order of `pre_call`, for answers that are not streamed.

        `call` is the call, `request` as it was sent inward from here, `reply` as the plugin before left it.
        A `Reply` replaces it. Raise to answer with an error instead.
        """

    @hookspec
    def post_call_stream(
        self, call: Call, request: Request, chunks: AsyncIterator[Chunk]
    ) -> AsyncIterator[Chunk] | None:
        """*Sync* (usually an async generator). Outward, for streamed answers: wrap the chunks.

        `call` is the call, `request` as it was sent inward from here, `chunks` the stream as the plugin before
        left it. Every wrapper is closed on every exit, outermost first. Merely implementing this hook makes
        streams be decoded; `None` from it leaves this stream alone.
        """

    @hookspec
    def attempt_started(self, call: Call, deployment: Deployment) -> None:
        """*Sync*. Observer, on the caller's path: `deployment` is about to be asked for `call`. Errors are logged.

        Each one is followed by `attempt_finished`, and at last by `call_finished`, whatever happens between.
        """

    @hookspec
    def attempt_finished(self, call: Call, attempt: Attempt) -> None:
        """Observer, off the caller's path. After each `attempt` of `call`, good or bad. Errors in it are logged."""

    @hookspec
    def call_failed(self, call: Call, error: NovaError) -> NovaError | None:
        """When `call` is about to answer with `error`. A `NovaError` is answered in its place.

        Errors raised in it are logged; the call's own error is answered then.
        """

    @hookspec
    def call_finished(self, record: CallRecord) -> None:
        """Observer. Always, exactly once per call, off the caller's path: `record` has usage, cost, decision.

        For a stream it fires when the stream ended, broke, or was left by the caller. Errors in it are logged.
        """

    @hookspec
    def authenticate(self, credential: Credential) -> Principal | None:
        """Before anything else of an HTTP request. `credential` is what was sent, `key` None if nothing was.

        The first `Principal` wins; `None` leaves the decision to the next plugin and at last to the core's own
        keys. Raise `AuthenticationError` or `PermissionDeniedError` to refuse.
        """

    @hookspec
    def startup(self, gateway: GatewayView) -> None:
        """Once, when `gateway` starts, before it is ready, in plugin order. Raise to refuse the start."""

    @hookspec
    def shutdown(self, gateway: GatewayView) -> None:
        """Once, when `gateway` stops, after the last call, in reverse plugin order. Errors are logged.

        A reload stops the plugins of the old configuration, except objects that the new one uses too.
        """

    @hookspec
    def register_routes(self, routes: Routes) -> None:
        """*Sync*. While the HTTP application is assembled: add routes (`routes` is the FastAPI application)."""

    @hookspec
    def resolve_model(self, call: Call, model: str, catalog: Catalog) -> Sequence[Deployment] | None:
        """*Sync*, pure. A name that is no group, alias or deployment id: answer its candidates.

        `call` asks for the public name `model`; `catalog` is what is configured. The first answer wins
        (wildcards with captures answer here). `None` from all is 404 `model_not_found`.
        """

    @hookspec
    def provide_store(self, kind: str, settings: Mapping[str, Any]) -> object | None:
        """*Sync*. At start-up, when a store of `kind` (`key_value`, `counters`, `shared_state`) is wanted
        with `settings`.

        Answer an object with the protocol of that kind in `nova_core.stores`; the first answer wins.
        """

    @hookspec
    def register_config(self) -> Sequence[ConfigSection] | None:
        """*Sync*. Before the configuration is checked: the sections and keys this plugin honours."""

    @hookspec
    def list_models(self, principal: Principal, catalog: Catalog) -> Sequence[ModelCard] | None:
        """*Sync*. For `/v1/models`: more models than the `catalog` names, for this `principal`."""

    @hookspec
    def describe_model(self, provider: str, model: str) -> ModelFacts | None:
        """*Sync*. While the catalog is built: what is known, without network, of the `model` of this `provider`.

        `provider` is the name in front of the model (`acme` in `acme/model-1`), `model` the upstream's name or the
        deployment's `base_model`. Every plugin is asked, and the first that knows a thing counts, after what the
        configuration says; leave unset what is not known. A name that a wildcard stands for is asked about when it
        is called: remember the answers. Errors in it are logged, and mean that nothing is known.
        """
