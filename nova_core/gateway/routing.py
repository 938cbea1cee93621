"""From a public name to the candidates of one group, in order: resolve, ask the plugins, keep one space, order."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType

from nova_core.errors import BadRequestError, ModelNotFoundError, NoDeploymentError, PermissionDeniedError
from nova_core.gateway.catalog import named_late
from nova_core.gateway.selection import healthy, order
from nova_core.gateway.spaces import keep_to_one_space, pin_only_space
from nova_core.plugins.compiler import Pipeline
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.routing import Catalog, Snapshot

Levels = tuple[tuple[Deployment, ...], ...]


def resolve(
    pipeline: Pipeline, catalog: Catalog, call: Call, name: str, environ: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, tuple[Deployment, ...]]:
    """The group and its deployments for a name: alias, group, plugins (patterns), deployment id.

    `environ` completes deployments whose provider comes with the name (`*`). Raises ModelNotFoundError, which
    names the missing plugin when the deployments exist and cannot be served.
    """
    group = catalog.aliases.get(name, name)
    found: Sequence[Deployment] | None = catalog.groups.get(group) if "*" not in group else None
    if found is None and name in catalog.by_id and "*" not in catalog.by_id[name].model:
        found = (catalog.by_id[name],)
    if found is None:
        for step in pipeline.resolve_model:
            found = step.call(call, group, catalog)
            if found is not None:
                break
    found = found or catalog.by_upstream.get(name)
    if not found:
        raise ModelNotFoundError(
            f"The model '{name}' does not exist here. GET /v1/models lists the models you can call.", param="model"
        )
    served = tuple(d for d in found if d.id not in catalog.unserved)
    if not served:
        raise ModelNotFoundError(
            f"The model '{name}' is configured but cannot be served: {catalog.unserved[found[0].id]}", param="model"
        )
    return group, tuple(d if _as_configured(d, catalog) else named_late(d, pipeline, environ) for d in served)


def _as_configured(deployment: Deployment, catalog: Catalog) -> bool:
    known = catalog.by_id.get(deployment.id)
    return known is None or known.provider == deployment.provider


def select(
    pipeline: Pipeline, call: Call, request: Request, group: str, found: tuple[Deployment, ...], snapshot: Snapshot
) -> Levels:
    """Candidates by order level after every plugin's say. Raises when none is left."""
    candidates: Sequence[Deployment] = found
    if call.operation == "embedding":
        pin_only_space(call, request, found)
    for step in pipeline.route_select:
        answer = step.call(call, request, tuple(candidates), snapshot)
        if answer is not None:
            candidates = answer
            if not candidates:
                raise NoDeploymentError(f"No deployments available for model '{group}': none fits this request.")
    if call.operation == "embedding":
        candidates = keep_to_one_space(call, request, candidates, group)
    return order(call, healthy(candidates, snapshot), snapshot)


def snapshot_for(
    catalog: Catalog, group: str, *, fallback: int, cooling: Mapping[str, float], random: Random
) -> Snapshot:
    """The state of this moment. The generator is seeded from the gateway's own, so a decision can be replayed."""
    return Snapshot(
        group=group,
        now=time.monotonic(),
        catalog=catalog,
        fallback=fallback,
        cooling=cooling,
        seed=random.getrandbits(64),
    )


def check_access(call: Call, *names: str) -> None:
    """Raises BadRequestError without a name, PermissionDeniedError when the caller may not call it."""
    if not call.model:
        raise BadRequestError("`model` is missing: give the name of a model from GET /v1/models.", param="model")
    for name in names:
        if not call.principal.may_call(name):
            raise PermissionDeniedError(
                f"This key may not call the model '{name}'.", code="key_model_access_denied", param="model"
            )
