"""Embedding spaces: which vectors can be compared, and the guard that never mixes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nova_core.errors import BadRequestError, NovaError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingSpace
from nova_core.types.message import Request

NORMALISATION = ("normalized", "normalize")
"""Members that ask for vectors of length 1, as embeddings APIs name them."""
ASKING = ("dimensions", "return_multivector", "adapter", *NORMALISATION)
"""Members that narrow the space."""
_ASKING = frozenset(ASKING)


def space_of(deployment: Deployment, request: Request | None = None) -> EmbeddingSpace:
    """The space of a deployment's vectors, narrowed by what the request asks for (dimensions, form, adapter).

    `model_info.embedding_space` names the space itself (a string), or some of `model`, `adapter`, `dimensions`,
    `multivector`, `normalized` (a mapping).
    """
    declared = deployment.info.get("embedding_space")
    asked = _asked(request)
    if not (declared or asked or deployment.defaults or "adapter" in deployment.settings):
        return EmbeddingSpace(str(deployment.info.get("base_model") or deployment.model))
    stated: Mapping[str, Any] = declared if isinstance(declared, Mapping) else {}
    given = deployment.settings.get("adapter") or asked.get("adapter") or deployment.defaults.get("adapter")
    adapter = stated.get("adapter") or given
    model = stated.get("model") or deployment.info.get("base_model") or deployment.model
    multivector = asked.get("return_multivector")
    if multivector is None:
        default = asked.get("dimensions") is None and deployment.defaults.get("return_multivector", False)
        multivector = stated.get("multivector", default)
    # A width that is a default is that of pooled vectors, and is not sent with a call for the others.
    width = stated.get("dimensions") if stated.get("multivector") is True or multivector is not True else None
    default_width = deployment.defaults.get("dimensions") if multivector is not True else None
    dimensions = asked.get("dimensions") or width or default_width
    pinned = declared if isinstance(declared, str) else stated.get("name")
    return EmbeddingSpace(
        model=pinned or str(model),
        adapter=None if pinned else (str(adapter) if adapter else None),
        dimensions=dimensions if isinstance(dimensions, int) else None,
        multivector=multivector is True,
        pinned=pinned,
        normalised=_normalised(asked, stated, deployment.defaults),
    )


def _normalised(*places: Mapping[str, Any]) -> bool | None:
    """The first of these that says whether vectors have length 1."""
    values = (place.get(name) for place in places for name in NORMALISATION)
    return next((value for value in values if isinstance(value, bool)), None)


def only_space(deployments: Sequence[Deployment]) -> EmbeddingSpace | None:
    """The space of all of these where a request asks for none, None when they have several."""
    spaces = {space_of(each) for each in deployments}
    return spaces.pop() if len(spaces) == 1 else None


def settle_space(call: Call, request: Request, only: EmbeddingSpace | None) -> bool:
    """Pin the space of a group that has only one, for a request that asks for none; whether that settles it."""
    if only is None or not _ASKING.isdisjoint(request.members) or (call.space is not None and call.space != only):
        return False
    call.space = only
    return True


def pin_only_space(call: Call, request: Request, found: Sequence[Deployment]) -> None:
    """Pin the space of a group that has only one: also when no deployment of it is left, no other may answer."""
    if call.space is None:
        spaces = {space.name: space for space in (space_of(d, request) for d in found)}
        if len(spaces) == 1:
            call.space = next(iter(spaces.values()))


def keep_to_one_space(
    call: Call, request: Request, candidates: Sequence[Deployment], group: str
) -> tuple[Deployment, ...]:
    """The candidates in the call's space; pins the space on the first group that is routed.

    Raises BadRequestError when the first group spans several spaces and nothing selected one of them, and
    NovaError when a fallback group has no deployment in the space.
    """
    spaces = {d.id: space_of(d, request) for d in candidates}
    if call.space is not None:
        same = tuple(d for d in candidates if spaces[d.id] == call.space)
        if not same:
            raise NovaError(f"model '{group}' has no deployment in the embedding space {call.space.name}")
        return same
    distinct = {space.name: space for space in spaces.values()}
    if len(distinct) > 1:
        raise BadRequestError(
            f"Model '{group}' serves {len(distinct)} embedding spaces whose vectors must not be mixed, and this "
            f"request selects none of them. Send a `task`: {', '.join(tags_of(candidates)) or 'none is configured'}.",
            param="task",
            code="ambiguous_embedding_space",
        )
    if spaces:
        call.space = next(iter(spaces.values()))
    return tuple(candidates)


def tags_of(candidates: Sequence[Deployment]) -> list[str]:
    """The distinct tags of deployments, in config order, without `default`."""
    return list(dict.fromkeys(tag for d in candidates for tag in d.tags if tag != "default"))


def _asked(request: Request | None) -> Mapping[str, Any]:
    if request is None:
        return {}
    return {name: request.get(name) for name in ASKING if name in request.members}
