"""What is wrong with a configuration's fallbacks, and with the other settings that name model groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from nova_core.config.explain import KeyPath, Position, Problem, did_you_mean
from nova_core.config.schema import Settings
from nova_core.gateway.policy import GENERIC, Policy, Targets
from nova_core.gateway.runtime import Runtime
from nova_core.gateway.spaces import space_of


def fallback_problems(runtime: Runtime) -> Iterator[Problem]:
    """Groups that do not exist, cycles, and fallbacks that will never be used."""
    policy = runtime.policy
    for key, fallbacks in fallbacks_by_key(policy).items():
        for group, targets in fallbacks.items():
            where = _position(runtime.settings, key, group)
            yield from _of_group(runtime, key, group, targets, where)
    graph = _graph(policy)
    for group in graph:
        if group != GENERIC and _leads_back(group, graph):
            message = f"the fallbacks of '{group}' lead back to it"
            where = _position(runtime.settings, "fallbacks", group)
            yield Problem("warning", "fallback_cycle", message, "each group is tried once in a call", where)


def named_group_problems(runtime: Runtime) -> Iterator[Problem]:
    """Groups that other settings name, and that do not exist: what is said of them has no effect."""
    names, router = callable_names(runtime), runtime.settings.router
    hedged = router.hedging.model_groups if router.hedging is not None else ()
    named: dict[KeyPath, Collection[str]] = {
        ("router_settings", "model_group_retry_policy"): router.model_group_retry_policy,
        ("router_settings", "hedging", "model_groups"): hedged,
    }
    for path, groups in named.items():
        for group in groups:
            if not exists(group, names):
                message = f"{path[1]} names '{group}': no such model group"
                where = runtime.settings.locate(path)
                yield Problem("warning", "group_unknown", message, did_you_mean(group, names), where)


def fallbacks_by_key(policy: Policy) -> Mapping[str, Targets]:
    """Every kind of fallbacks under the key of `router_settings` that sets it."""
    return {
        "fallbacks": policy.fallbacks,
        "context_window_fallbacks": policy.context_window_fallbacks,
        "content_policy_fallbacks": policy.content_policy_fallbacks,
    }


def _of_group(
    runtime: Runtime, key: str, group: str, targets: Collection[str], where: Position | None
) -> Iterator[Problem]:
    names = callable_names(runtime)
    if group != GENERIC and not exists(group, names):
        hint = did_you_mean(group, names)
        yield Problem("error", "fallback_unreachable", f"{key} of '{group}': no such model group", hint, where)
    for target in targets:
        if not exists(target, names):
            hint = did_you_mean(target, names)
            message = f"fallback '{target}' of '{group}': no such model group"
            yield Problem("error", "fallback_unreachable", message, hint, where)
        elif target == group:
            message = f"'{group}' names itself as its fallback"
            yield Problem("warning", "fallback_cycle", message, "it is tried once", where)
        elif _crosses_spaces(runtime, group, target):
            message = f"fallback '{target}' of '{group}' is another embedding space and will never be used"
            yield Problem("warning", "fallback_space", message, "use a deployment of the same model", where)


def _graph(policy: Policy) -> dict[str, set[str]]:
    """Group → the groups that may follow it, whatever the error; what leads to itself is told apart."""
    graph: dict[str, set[str]] = {}
    for fallbacks in fallbacks_by_key(policy).values():
        for group, targets in fallbacks.items():
            graph.setdefault(group, set()).update(target for target in targets if target != group)
    return graph


def _leads_back(group: str, graph: Mapping[str, Collection[str]]) -> bool:
    pending, seen = list(graph[group]), set()
    while pending:
        target = pending.pop()
        if target == group:
            return True
        if target not in seen:
            seen.add(target)
            pending.extend(graph.get(target, ()))
    return False


def _crosses_spaces(runtime: Runtime, group: str, target: str) -> bool:
    first = [d for d in runtime.catalog.groups.get(group, ()) if d.mode == "embedding"]
    second = [d for d in runtime.catalog.groups.get(target, ()) if d.mode == "embedding"]
    if not first or not second:
        return False
    return not {space_of(d).name for d in first} & {space_of(d).name for d in second}


def callable_names(runtime: Runtime) -> list[str]:
    """Every name that a caller may write."""
    catalog = runtime.catalog
    return [*catalog.groups, *catalog.aliases, *catalog.by_id]


def exists(name: str, names: Collection[str]) -> bool:
    """Whether a name is one of these, or may match one of their patterns."""
    if name in names:
        return True
    patterns = (pattern.split("*", 1)[0] for pattern in names if "*" in pattern)
    return any(name.startswith(prefix) for prefix in patterns)


def exact_position(settings: Settings, path: KeyPath) -> Position | None:
    """Where `path` itself stands; None when the file does not have it."""
    source = settings.source
    return None if source is None else source.positions.get(source.written(path))


def _position(settings: Settings, key: str, group: str) -> Position | None:
    for name in ("default_fallbacks", key) if group == GENERIC and key == "fallbacks" else (key,):
        for section in ("router_settings", "nova_settings"):
            where = exact_position(settings, (section, name))
            if where is not None:
                return where
    return None
