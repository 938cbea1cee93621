"""From a public name to the candidates of one group, in order: resolve, ask the plugins, keep one space, order."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nova_core.errors import BadRequestError, ModelNotFoundError, NoDeploymentError, NovaError, PermissionDeniedError
from nova_core.gateway.catalog import named_late
from nova_core.gateway.facts import with_facts
from nova_core.gateway.selection import are_alike, healthy, order
from nova_core.gateway.spaces import keep_to_one_space, only_space, pin_only_space, settle_space
from nova_core.plugins.compiler import Pipeline, Step
from nova_core.types.call import Call
from nova_core.types.decision import Change, Failure, Levels, Routed
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingSpace
from nova_core.types.message import Request
from nova_core.types.routing import Catalog, Snapshot

if TYPE_CHECKING:
    from nova_core.gateway.runtime import Runtime

logger = logging.getLogger("nova.gateway")

NO_STATE: Mapping[str, Any] = {}
COOLDOWN = "cooldown"
EMBEDDING_SPACE = "embedding-space"
"""The core's own steps, as records call them."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A name's group and deployments; `decided` where nothing is left to decide between them.

    `alike`: the configuration prefers none of them. `space` is the one of them all where a request asks for none.
    """

    group: str
    deployments: tuple[Deployment, ...]
    decided: Routed | None = None
    alike: bool = False
    space: EmbeddingSpace | None = None


def resolve(runtime: Runtime, call: Call, name: str) -> Resolved:
    """The group and its deployments for a name: alias, group, deployment id, plugins (patterns).

    What the configuration alone decides is worked out once. Raises ModelNotFoundError, which names the missing
    plugin when the deployments exist and cannot be served.
    """
    known = runtime.resolved.get(name)
    if known is not None:
        return known
    catalog, pipeline = runtime.catalog, runtime.pipeline
    group = catalog.aliases.get(name, name)
    found: Sequence[Deployment] | None = catalog.groups.get(group) if "*" not in group else None
    if found is None and group in catalog.by_id and "*" not in catalog.by_id[group].model:
        found = (catalog.by_id[group],)
    if found:
        resolved = runtime.resolved[name] = _resolved(runtime, group, _served(catalog, name, found))
        return resolved
    for step in pipeline.resolve_model:
        found = step.call(call, group, catalog)
        if found is not None:
            break
    found = found or catalog.by_upstream.get(group)
    if not found:
        raise ModelNotFoundError(
            f"The model '{name}' does not exist here. GET /v1/models lists the models you can call.", param="model"
        )
    return _resolved(runtime, group, _served(catalog, name, found))


def _served(catalog: Catalog, name: str, found: Sequence[Deployment]) -> tuple[Deployment, ...]:
    served = tuple(d for d in found if d.id not in catalog.unserved)
    if not served:
        raise ModelNotFoundError(
            f"The model '{name}' is configured but cannot be served: {catalog.unserved[found[0].id]}", param="model"
        )
    return served


def _resolved(runtime: Runtime, group: str, served: tuple[Deployment, ...]) -> Resolved:
    pipeline, catalog = runtime.pipeline, runtime.catalog
    deployments = tuple(_as_served(deployment, pipeline, catalog, runtime.environ) for deployment in served)
    decided = len(deployments) == 1 and deployments[0].group == group and not pipeline.route_select
    known = Routed(group, deployments, None, (), (deployments,)) if decided else None
    return Resolved(group, deployments, known, are_alike(deployments), only_space(deployments))


def _as_served(deployment: Deployment, pipeline: Pipeline, catalog: Catalog, environ: Mapping[str, str]) -> Deployment:
    """Completed, and with what is known of its model, where provider or model came with the name (wildcards)."""
    known = catalog.by_id.get(deployment.id, deployment)
    if known is deployment:
        return deployment
    if known.provider != deployment.provider:
        deployment = named_late(deployment, pipeline, environ)
    if known.model != deployment.model:
        deployment = with_facts(deployment, catalog.registered, pipeline.describe_model)
    return deployment


def select(pipeline: Pipeline, call: Call, request: Request, resolved: Resolved, snapshot: Snapshot) -> Levels:
    """Candidates by order level after every plugin's say, written down in `call.routed`. Raises when none is left."""
    changes: list[Change] = []
    try:
        candidates = resolved.deployments
        if pipeline.route_select or snapshot.cooling or call.operation == "embedding":
            candidates = _narrowed(pipeline, call, request, resolved, snapshot, changes)
        rank = partial(_rank, pipeline.route_rank, call, request, snapshot) if pipeline.route_rank else None
        levels = order(call, candidates, snapshot, alike=resolved.alike, rank=rank)
    except NovaError as error:
        noted = len(call.notes)
        routed = Routed(resolved.group, resolved.deployments, snapshot, tuple(changes), (), noted, Failure.of(error))
        call.routed.append(routed)
        raise
    call.routed.append(Routed(resolved.group, resolved.deployments, snapshot, tuple(changes), levels, len(call.notes)))
    return levels


def _rank(
    steps: Sequence[Step], call: Call, request: Request, snapshot: Snapshot, level: tuple[Deployment, ...]
) -> Sequence[Deployment] | None:
    """The first plugin's order for one level."""
    for step in steps:
        answer: Sequence[Deployment] | None = step.call(call, request, level, snapshot)
        if answer:
            return answer
    return None


def state_of(steps: Sequence[Step], call: Call, request: Request, candidates: tuple[Deployment, ...]) -> dict[str, Any]:
    """What plugins decide with (`route_state`)."""
    state: dict[str, Any] = {}
    for step in steps:
        try:
            state.update(step.call(call, request, candidates) or {})
        except Exception:
            logger.exception("plugin '%s': route_state raised; it decides without state", step.plugin)
    return state


def _narrowed(
    pipeline: Pipeline, call: Call, request: Request, resolved: Resolved, snapshot: Snapshot, changes: list[Change]
) -> tuple[Deployment, ...]:
    """The candidates that every step left; `changes` is told of each that answered."""
    candidates = resolved.deployments
    in_space = call.operation == "embedding" and not settle_space(call, request, resolved.space)
    if in_space:
        pin_only_space(call, request, candidates)
    for step in pipeline.route_select:
        noted = len(call.notes)
        answer = step.call(call, request, candidates, snapshot)
        if answer is not None:
            before, candidates = candidates, tuple(answer)
            changes.append(Change(step.plugin, before, candidates, noted, len(call.notes)))
            if not candidates:
                raise NoDeploymentError(
                    f"No deployments available for model '{resolved.group}': none fits this request."
                )
    if in_space:
        before, candidates = candidates, keep_to_one_space(call, request, candidates, resolved.group)
        if len(candidates) < len(before):
            changes.append(Change(EMBEDDING_SPACE, before, candidates, 0, 0))
    if snapshot.cooling:
        before, candidates = candidates, healthy(candidates, snapshot)
        changes.append(Change(COOLDOWN, before, candidates, 0, 0))
    return candidates


def names_to_check(runtime: Runtime, name: str) -> tuple[str, ...]:
    """What a caller must be allowed to call for calling `name`: an alias is enough, unless `compat` says otherwise."""
    if not runtime.settings.compat.alias_needs_target:
        return (name,)
    return tuple(dict.fromkeys((name, runtime.catalog.aliases.get(name, name))))


def check_access(call: Call, *names: str) -> None:
    """Raises BadRequestError without a name, PermissionDeniedError when the caller may not call it."""
    if not call.model:
        raise BadRequestError("`model` is missing: give the name of a model from GET /v1/models.", param="model")
    for name in names:
        if not call.principal.may_call(name):
            raise PermissionDeniedError(
                f"This key may not call the model '{name}'.", code="key_model_access_denied", param="model"
            )
