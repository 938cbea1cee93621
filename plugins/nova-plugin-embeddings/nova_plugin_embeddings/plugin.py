"""The hooks: refuse and split inward, select by task, check and re-encode outward."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from nova_core.errors import BadGatewayError, ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call, StashKey
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Reply, Request
from nova_core.types.plugin import ConfigSection, GatewayView
from nova_core.types.routing import Catalog
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.translate import translate_request
from nova_plugin_embeddings.asked import Asked, asked
from nova_plugin_embeddings.merging import merged
from nova_plugin_embeddings.selection import Part, part_request, parts_of, selected
from nova_plugin_embeddings.tasks import NOVA_TASKS, is_task_routed, refuse_unserved
from nova_plugin_embeddings.vectors import Expected, checked

logger = logging.getLogger("nova.embeddings")

NAME = "nova_task_router"
ASKED = StashKey[Asked]("embeddings.asked")
DIALECT = OPENAI_EMBEDDINGS.name


class NovaTaskRouter:
    """One per configuration. Tags and wildcards are another plugin's work, which is loaded with this one."""

    requires = ("router-tags",)

    def __init__(self) -> None:
        self._catalog = Catalog()
        self._known: tuple[str, ...] = NOVA_TASKS
        self._warned: set[str] = set()

    @hookimpl
    def startup(self, gateway: GatewayView) -> None:
        """Read the catalog and the operator's own tasks. Raises ConfigurationError when those are no names."""
        problems = _check_settings(gateway.plugin_settings(NAME))
        if problems:
            raise ConfigurationError(problems[0])
        self._catalog = gateway.catalog
        self._known = (*NOVA_TASKS, *gateway.plugin_settings(NAME).get("tasks", ()))

    @hookimpl
    def register_config(self) -> Sequence[ConfigSection]:
        """`plugins: {nova_task_router: {tasks: […]}}`."""
        return (ConfigSection(("plugins", NAME), ("tasks",), _check_settings),)

    @hookimpl
    async def pre_call(self, call: Call, request: Request) -> Request | Reply | None:
        """Refuse what no deployment serves; split a batch that no single deployment serves. Raises BadRequestError.

        What was asked in another dialect goes on in this one, where a task can stand beside each item.
        """
        if request.operation != "embedding":
            return None
        if request.dialect.name != DIALECT:
            request, _ = translate_request(request, OPENAI_EMBEDDINGS)
            return await self._taken(call, request) or request
        return await self._taken(call, request)

    @hookimpl
    def plan_call(self, call: Call, request: Request) -> Sequence[Request] | None:
        """The request as it is routed, or those of the parts of its batch. Raises what `pre_call` raises."""
        if request.operation != "embedding":
            return None
        if request.dialect.name != DIALECT:
            request, _ = translate_request(request, OPENAI_EMBEDDINGS)
        return [part_request(request, part) for part in self._parts(call, request)] or [request]

    async def _taken(self, call: Call, request: Request) -> Reply | None:
        """The answer to a batch that is split, None for what goes on as it is."""
        parts = self._parts(call, request)
        return await self._split(call, request, parts) if parts else None

    def _parts(self, call: Call, request: Request) -> Sequence[Part]:
        """The parts of a batch that no single deployment serves. Raises BadRequestError for what none serves."""
        wanted = asked(request)
        call.stash[ASKED] = wanted
        group = self._group(request.model)
        if not is_task_routed(group, self._known, [task.name for task in wanted.tasks]):
            return ()
        for task in wanted.tasks:
            refuse_unserved(task, group, self._known, request.model)
        if not wanted.tasks and not wanted.adapters:
            self._warn(request.model)
        parts = parts_of(wanted, group)
        if len(parts) < 2:
            return ()
        for part in parts:  # before anything is asked, and with the places that the caller knows
            selected(Asked(part, wanted.single, wanted.adapter), group, self._known, request.model)
        return parts

    @hookimpl(tryfirst=True)
    def route_select(
        self, call: Call, request: Request, candidates: tuple[Deployment, ...]
    ) -> Sequence[Deployment] | None:
        """The candidates for the task (and the adapter). Raises BadRequestError when none serves it."""
        call.selected_by_task = None
        if request.operation != "embedding":
            return None
        wanted = call.stash.get(ASKED) or asked(request)
        names = [task.name for task in wanted.tasks]
        if not (names or wanted.adapters) or not is_task_routed(candidates, self._known, names):
            return None
        serving = selected(wanted, candidates, self._known, request.model)
        call.selected_by_task = ", ".join(names) or wanted.adapters[0][0]
        call.note(NAME, ", ".join(each.id for each in serving), f"task {call.selected_by_task}")
        return serving

    @hookimpl
    def post_call(self, call: Call, request: Request, reply: Reply) -> Reply | None:
        """Check every vector and answer in the encoding that was asked for. Raises BadGatewayError."""
        if request.operation != "embedding" or reply.dialect.name != DIALECT:
            return None
        wanted = call.stash.get(ASKED) or asked(request)
        return checked(reply, _expected(call, request, wanted))

    async def _split(self, call: Call, request: Request, parts: Sequence[Part]) -> Reply:
        before = len(call.children)
        for part in parts:
            task = part[0].task
            places = ", ".join(str(item.place) for item in part[:16]) + (", …" if len(part) > 16 else "")
            call.note(NAME, f"split off {len(part)} items", f"{task.name if task else 'no task'}: {places}")
        try:
            replies = await _all([call.run(part_request(request, part)) for part in parts])
        finally:
            _gather_facts(call, call.children[before:])
        placed = [([item.place for item in part], reply) for part, reply in zip(parts, replies, strict=True)]
        return merged(placed, model=call.model)

    def _group(self, name: str) -> tuple[Deployment, ...]:
        """The deployments of a name that is no pattern; empty when the name is resolved later."""
        catalog = self._catalog
        found = catalog.groups.get(catalog.aliases.get(name, name), ())
        return found or ((catalog.by_id[name],) if name in catalog.by_id else ())

    def _warn(self, model: str) -> None:
        if model not in self._warned:
            self._warned.add(model)
            logger.warning(
                "an embeddings call to '%s' has no task: it is routed by tags alone, to deployments tagged 'default'. "
                "This is said once.",
                model,
            )


async def _all(runs: Sequence[Any]) -> list[Reply]:
    """All answers; when one fails, the others are cancelled and its error is raised."""
    tasks = [asyncio.ensure_future(run) for run in runs]
    try:
        answers = await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    for answer in answers:
        if not isinstance(answer, Reply):
            raise BadGatewayError("a part of this batch was answered with a stream")
    return answers


def _gather_facts(call: Call, children: Sequence[Call]) -> None:
    """What the caller is told about a batch that several deployments served."""
    spaces = {child.space.name: child.space for child in children if child.space is not None}
    if len(spaces) == 1:
        call.space = next(iter(spaces.values()))
    elif spaces:
        call.reply_headers["embedding-space"] = ", ".join(spaces)
    served = dict.fromkeys(filter(None, map(_served_by, children)))
    if served:
        call.reply_headers["model-id"] = ", ".join(served)
        call.group = call.reply_headers["model-group"] = children[0].group
    retries = sum(max(0, len(child.attempts) - 1 - child.fallbacks) for child in children)
    call.reply_headers["attempted-retries"] = str(retries)
    call.reply_headers["attempted-fallbacks"] = str(sum(child.fallbacks for child in children))
    call.fidelity = sum((child.fidelity for child in children), Fidelity())
    call.upstream_seconds += max((child.upstream_seconds for child in children), default=0.0)


def _served_by(child: Call) -> str | None:
    """The id of the deployment; that of the answer where a cache has it."""
    return child.deployment.id if child.deployment is not None else child.reply_headers.get("model-id")


def _expected(call: Call, request: Request, wanted: Asked) -> Expected:
    space = call.space
    multivector = space.multivector if space is not None else request.get("return_multivector") is True
    dimensions = space.dimensions if space is not None else request.get("dimensions")
    mixed = any(item.multivector is not None for item in wanted.items)
    return Expected(
        count=len(wanted.items),
        encoding=request.get("encoding_format") or "float",
        dimensions=None if mixed else dimensions,
        multivector=None if mixed else multivector,
    )


def _check_settings(settings: Any) -> list[str]:
    tasks = settings.get("tasks", []) if isinstance(settings, Mapping) else None
    if isinstance(tasks, list | tuple) and all(isinstance(task, str) and task for task in tasks):
        return []
    return [f"plugins.{NAME}.tasks must be a list of task names"]
