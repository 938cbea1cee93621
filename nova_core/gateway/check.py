"""What is wrong with a configuration beyond its keys: plugins, tags, fallbacks, aliases, embedding spaces."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from nova_core.config.check import check_keys, settings_to_check
from nova_core.config.explain import ConfigError, KeyPath, Position, Problem, Severity, did_you_mean, in_reading_order
from nova_core.config.loader import load
from nova_core.config.schema import Settings
from nova_core.errors import ConfigurationError
from nova_core.gateway.check_fallbacks import (
    callable_names,
    exact_position,
    exists,
    fallback_problems,
    named_group_problems,
)
from nova_core.gateway.check_http2 import http2_problems
from nova_core.gateway.naming import CACHE_PREFIX, GUARDRAIL_PREFIX
from nova_core.gateway.runtime import Runtime, is_protective, unchecked_runtime
from nova_core.gateway.spaces import space_of, tags_of
from nova_core.types.deployment import Deployment


def check_file(path: Path | str, *, environ: Mapping[str, str] | None = None) -> list[Problem]:
    """Everything to say about a file, errors first. Raises nothing: an unreadable file is a problem too."""
    try:
        loaded = load(path, environ=environ)
        runtime = unchecked_runtime(settings_to_check(loaded), environ=loaded.environ)
    except ConfigError as error:
        return list(in_reading_order({*error.problems, *_key_problems(path, environ)}))
    except ConfigurationError as error:
        problem = Problem("error", "plugin", error.message, error.hint or "")
        return list(in_reading_order([problem, *_key_problems(path, environ)]))
    return list(in_reading_order([*check_keys(loaded, supported=runtime.declared), *check_runtime(runtime)]))


def _key_problems(path: Path | str, environ: Mapping[str, str] | None) -> Collection[Problem]:
    try:
        return check_keys(load(path, environ=environ))
    except ConfigurationError:
        return ()


def check_runtime(runtime: Runtime) -> list[Problem]:
    """The semantic problems of a compiled configuration."""
    return [
        *_plugins(runtime),
        *_unserved(runtime),
        *http2_problems(runtime.settings),
        *_tags(runtime),
        *_spaces(runtime),
        *_aliases(runtime),
        *fallback_problems(runtime),
        *named_group_problems(runtime),
    ]


def startup_notes(runtime: Runtime) -> list[str]:
    """What `nova serve` prints before it is ready: the same findings, and keys without effect."""
    problems = check_runtime(runtime)
    source = runtime.settings.source
    if source is not None:
        problems = [*check_keys(source, supported=runtime.declared), *problems]
    return [problem.render() for problem in in_reading_order(problems)]


def _plugins(runtime: Runtime) -> Iterator[Problem]:
    for broken in runtime.loaded.broken:
        if broken.kind != "provider":
            severity: Severity = "error" if broken.fatal or is_protective(broken, runtime.settings) else "warning"
            code = "plugin_missing" if broken.missing else "plugin_broken"
            message = f"{broken.kind} '{broken.name}' ({broken.why}): {broken.reason}"
            yield Problem(severity, code, message, broken.mend, _named_at(runtime.settings, broken.name))


def _named_at(settings: Settings, name: str) -> Position | None:
    """Where the file names a plugin that is not a provider."""
    guardrails = [f"{GUARDRAIL_PREFIX}{entry.params.get('guardrail')}" for entry in settings.guardrails]
    for section, names in ((("nova_settings", "callbacks"), settings.callbacks), (("guardrails",), guardrails)):
        if name in names:
            return settings.locate((*section, names.index(name))) or settings.locate(section)
    if name.startswith(CACHE_PREFIX):
        params: KeyPath = ("nova_settings", "cache_params", "type")
        return exact_position(settings, params) or settings.locate(("nova_settings", "cache"))
    if name in settings.plugins.names:
        return settings.locate(("plugins",))
    return exact_position(settings, ("router_settings", "enable_tag_filtering"))


def _unserved(runtime: Runtime) -> Iterator[Problem]:
    entries = {str(entry.position): entry for entry in runtime.settings.models}
    for name, reason in runtime.catalog.unserved.items():
        deployment = runtime.catalog.by_id[name]
        entry = entries.get(deployment.origin or "")
        where = runtime.settings.locate((*entry.path, "params", "model")) or entry.position if entry else None
        message, _, mend = reason.partition("; ")
        yield Problem("error", "unserved", f"'{deployment.group}' cannot be served: {message}", mend, where)


def _tags(runtime: Runtime) -> Iterator[Problem]:
    tagged = [d for d in runtime.catalog.by_id.values() if d.tags]
    if tagged and not runtime.settings.router.enable_tag_filtering:
        yield Problem(
            "warning",
            "tags_unused",
            f"tag filtering is off while {len(tagged)} deployments carry tags ({', '.join(tags_of(tagged)[:6])}): "
            "any of them may serve any call",
            "set router_settings.enable_tag_filtering: true",
            _where(runtime, tagged[0]),
        )


def _spaces(runtime: Runtime) -> Iterator[Problem]:
    for group, members in runtime.catalog.groups.items():
        embedding = [d for d in members if d.mode == "embedding"]
        if any("*" in d.model for d in embedding):
            continue
        spaces = {space_of(d).name for d in embedding}
        untagged = [d for d in embedding if not d.tags]
        if len(spaces) > 1 and untagged:
            yield Problem(
                "warning",
                "spaces_mixed",
                f"'{group}' serves {len(spaces)} embedding spaces and not every deployment has task tags: a call "
                "that selects no single space is answered with 400",
                "give each deployment `tags` with the tasks it serves",
                _where(runtime, untagged[0]),
            )


def _aliases(runtime: Runtime) -> Iterator[Problem]:
    names = callable_names(runtime)
    for alias, target in runtime.catalog.aliases.items():
        if not exists(target, names):
            path: KeyPath = ("router_settings", "model_group_alias", alias)
            yield Problem(
                "error",
                "alias_target",
                f"alias '{alias}' stands for '{target}', which no model_list entry has",
                did_you_mean(target, names),
                runtime.settings.locate(path),
                path,
            )


def _where(runtime: Runtime, deployment: Deployment) -> Position | None:
    for entry in runtime.settings.models:
        if str(entry.position) == deployment.origin:
            return runtime.settings.locate((*entry.path, "params", "tags")) or entry.position
    return None
