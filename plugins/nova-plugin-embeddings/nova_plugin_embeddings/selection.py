"""Which deployments serve which items, and how a batch is split over them. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from nova_core.errors import BadRequestError
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_plugin_embeddings.asked import Asked, Item
from nova_plugin_embeddings.tasks import adapters_of, refuse_unserved, serves

Part = tuple[Item, ...]


def selected(
    wanted: Asked, candidates: Sequence[Deployment], known: Collection[str], model: str
) -> tuple[Deployment, ...]:
    """The candidates that serve every task and adapter of a request. Raises BadRequestError when there is none."""
    for task in wanted.tasks:
        refuse_unserved(task, candidates, known, model)
    serving = tuple(each for each in candidates if all(serves(each, task.name) for task in wanted.tasks))
    if not serving:
        names = ", ".join(task.name for task in wanted.tasks)
        raise BadRequestError(
            f"No single deployment of model '{model}' serves all of the tasks {names}: send them in separate requests.",
            param=wanted.tasks[-1].param,
        )
    for adapter, param in wanted.adapters:
        agreeing = tuple(each for each in serving if adapter in adapters_of(each))
        if not agreeing:
            routed = f"the task '{wanted.tasks[0].name}'" if wanted.tasks else f"model '{model}'"
            raise BadRequestError(
                f"`{param}` is '{adapter}', and {routed} is served by {', '.join(each.id for each in serving)}. "
                "Leave the adapter out, or send a task that it serves.",
                param=param,
                code="adapter_contradicts_task",
            )
        serving = agreeing
    return serving


def parts_of(wanted: Asked, deployments: Sequence[Deployment]) -> tuple[Part, ...]:
    """The items in parts that the same deployments serve, by task and adapter, in order of their first item."""
    parts: dict[frozenset[str] | None, list[Item]] = {}
    serving: dict[tuple[str | None, str | None], frozenset[str] | None] = {(None, None): None}
    for item in wanted.items:
        task = item.task.name if item.task is not None else None
        needs = (task, item.adapter)
        if needs not in serving:
            serving[needs] = frozenset(each.id for each in deployments if _fits(each, task, item.adapter))
        parts.setdefault(serving[needs], []).append(item)
    return tuple(map(tuple, parts.values()))


def _fits(deployment: Deployment, task: str | None, adapter: str | None) -> bool:
    return (task is None or serves(deployment, task)) and (adapter is None or adapter in adapters_of(deployment))


def part_request(request: Request, part: Part) -> Request:
    """The request for one part; the top-level task goes where no item of it takes it."""
    items = msgspec.Raw(b"[" + b",".join(bytes(item.json) for item in part) + b"]")
    if all(item.has_own_task for item in part):
        request = request.without("task")
    return request.with_members({"input": items})
