"""Which keys of a file have an effect: every key of every section, sorted into honoured, known and unknown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from nova_core.config.explain import KeyPath, Problem, did_you_mean, dotted, nearest
from nova_core.config.known_keys import KnownKeys, read_known_keys
from nova_core.config.loader import ALIASES, LoadedConfig
from nova_core.config.sections import (
    Compat,
    DeploymentParams,
    GeneralSettings,
    ModelInfo,
    NovaSettings,
    RouterSettings,
)

TOP_LEVEL = frozenset({
    "model_list", "nova_settings", "litellm_settings", "router_settings", "general_settings",
    "environment_variables", "include", "credential_list", "plugins", "compat", "ignore_unsupported",
})  # fmt: skip
"""Sections the core reads itself. `guardrails` is read too, but has an effect only with a plugin."""

ENTRY = frozenset({"model_name", "params", "litellm_params", "model_info", "rpm", "tpm"})
_OURS = {theirs: ours for ours, theirs in ALIASES.items()}
_SECTIONS: Mapping[str, type[BaseModel]] = {
    "nova_settings": NovaSettings,
    "router_settings": RouterSettings,
    "general_settings": GeneralSettings,
    "compat": Compat,
}
# A deployment's params are open: only what nearly spells a known key is taken for a typo.
_TYPO = 0.86


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key without effect in the core. `name` is its canonical dotted name, without list positions."""

    path: KeyPath
    name: str
    status: Literal["unsupported", "unknown"]
    is_protective: bool = False
    hint: str = ""

    def names(self) -> frozenset[str]:
        """Every spelling under which `ignore_unsupported` may name it."""
        plain = tuple(step for step in self.path if isinstance(step, str))
        last = self.name.rpartition(".")[2]
        written = {".".join(plain), ".".join(plain[-2:])} if plain[-1] == last else set()
        return frozenset({self.name, last} | written)

    def problem(self, loaded: LoadedConfig) -> Problem:
        position, written = loaded.locate(self.path), f"`{dotted(self.path)}`"
        if self.status == "unknown":
            hint = self.hint or "it has no effect"
            return Problem("warning", "unknown-key", f"{written} is not a known key", hint, position, self.path)
        return Problem(
            "info",
            "unsupported-key",
            f"{written} is not supported yet and has no effect",
            self.hint,
            position,
            self.path,
        )


class Survey:
    """Looks at every key once. `supported` holds canonical names that plugins honour besides the core.

    A name in `supported` is a section (`guardrails`), a key (`router_settings.retry_policy`, `params.guardrails`,
    `model_info.access_groups`), a value (`router_settings.routing_strategy.least-busy`), or a callback
    (`callbacks.presidio`). `litellm_settings.x` is understood as `nova_settings.x`.
    """

    def __init__(
        self, loaded: LoadedConfig, supported: Collection[str] = (), *, known: KnownKeys | None = None
    ) -> None:
        self._loaded = loaded
        self._known = known or read_known_keys()
        self._supported = frozenset(_canonical(name) for name in supported)
        self._lost = frozenset(lost.path for lost in loaded.unresolved)

    def found(self) -> tuple[FoundKey, ...]:
        return tuple(self._top_level())

    def _top_level(self) -> Iterator[FoundKey]:
        raw = self._loaded.raw
        for key, value in raw.items():
            section = _OURS.get(key, key)
            if section in _SECTIONS and isinstance(value, dict):
                yield from self._section(section, value, (key,))
            elif key == "model_list" and isinstance(value, list):
                for index, entry in enumerate(value):
                    if isinstance(entry, dict):
                        yield from self._entry(entry, (key, index))
            elif key == "guardrails":
                yield from self._guardrails(value)
            elif key not in TOP_LEVEL and not key.startswith(("x-", "_", ".")):
                yield from self._judge("top_level", key, value, (key,), TOP_LEVEL | self._section_names())

    def _section_names(self) -> frozenset[str]:
        return frozenset({"guardrails"}) | {name.partition(".")[0] for name in self._supported}

    def _guardrails(self, value: Any) -> Iterator[FoundKey]:
        if "guardrails" not in self._supported and not self._is_neutral("guardrails", value, ("guardrails",), {}):
            yield FoundKey(("guardrails",), "guardrails", "unsupported", True)

    def _section(self, section: str, value: Mapping[str, Any], path: KeyPath) -> Iterator[FoundKey]:
        honoured = honoured_keys(section)
        for key, item in value.items():
            yield from self._judge(section, key, item, (*path, key), honoured)
        if section == "nova_settings":
            yield from self._callbacks(value.get("callbacks"), (*path, "callbacks"))
        if section == "router_settings":
            yield from self._strategy(value.get("routing_strategy"), (*path, "routing_strategy"))

    def _entry(self, entry: Mapping[str, Any], path: KeyPath) -> Iterator[FoundKey]:
        for key, value in entry.items():
            if key in ("params", "litellm_params") and isinstance(value, dict):
                yield from self._open_section("params", value, (*path, key))
            elif key == "model_info" and isinstance(value, dict):
                yield from self._open_section("model_info", value, (*path, key))
            elif key not in ENTRY:
                yield from self._judge("entry", key, value, (*path, key), ENTRY)

    def _open_section(self, section: str, value: Mapping[str, Any], path: KeyPath) -> Iterator[FoundKey]:
        names = self._known.section(section)
        honoured = honoured_keys(section)
        for key, item in value.items():
            if key in names.known | names.protective:
                yield from self._judge(section, key, item, (*path, key), honoured)
            elif key not in honoured | names.call and f"{section}.{key}" not in self._supported:
                near = nearest(key, honoured | names.known | names.protective | names.call, cutoff=_TYPO)
                if near and len(key) > 3:
                    yield FoundKey((*path, key), f"{section}.{key}", "unknown", False, f"did you mean `{near}`?")

    def _judge(self, section: str, key: str, value: Any, path: KeyPath, honoured: frozenset[str]) -> Iterator[FoundKey]:
        name = key if section == "top_level" else f"{section}.{key}"
        if key in honoured or name in self._supported or section in self._supported:
            return
        names = self._known.section(section)
        if key in names.protective:
            if not self._is_neutral(key, value, path, names.harmless):
                yield FoundKey(path, name, "unsupported", True)
        elif key in names.known:
            yield FoundKey(path, name, "unsupported")
        else:
            options = honoured | names.known | names.protective
            yield FoundKey(path, name, "unknown", False, did_you_mean(key, options) or self._elsewhere(key))

    def _is_neutral(self, key: str, value: Any, path: KeyPath, harmless: Mapping[str, frozenset[str]]) -> bool:
        """Whether the value protects nothing. One that was not found might have."""
        if any(lost[: len(path)] == path for lost in self._lost):
            return False
        if isinstance(value, str):
            return value.strip().lower() in ("", "false") or value in harmless.get(key, ())
        return value is None or value is False or value in ([], {})

    def _elsewhere(self, key: str) -> str:
        """A hint for a key that belongs to another section."""
        for section, model in _SECTIONS.items():
            names = self._known.section(section)
            if key in model.model_fields or key in names.known | names.protective:
                return f"it belongs in `{section}`"
        return ""

    def _callbacks(self, value: Any, path: KeyPath) -> Iterator[FoundKey]:
        names = [value] if isinstance(value, str) else value
        for index, name in enumerate(names if isinstance(names, list) else ()):
            if not isinstance(name, str) or name not in self._known.protective_callbacks:
                continue
            if f"callbacks.{name}" not in self._supported:
                where = (*path, index) if isinstance(value, list) else path
                yield FoundKey(where, f"callbacks.{name}", "unsupported", True, f"callback {name}")

    def _strategy(self, value: Any, path: KeyPath) -> Iterator[FoundKey]:
        strategies = self._known.routing_strategies
        if not isinstance(value, str) or value == strategies[0] or "." in value:
            return  # a dotted path is a plugin: who loads it says what is wrong with it
        name = f"router_settings.routing_strategy.{value}"
        if name in self._supported:
            return
        if value in strategies:
            yield FoundKey(path, name, "unsupported", False, f"`{value}`: {strategies[0]} is used instead")
        else:
            hint = did_you_mean(value, strategies) or f"one of {', '.join(strategies)}"
            yield FoundKey(path, name, "unknown", False, hint)


def honoured_keys(section: str) -> frozenset[str]:
    """The keys of a section that have an effect in the core: one table, the fields of the typed sections."""
    if section == "top_level":
        return TOP_LEVEL
    if section == "entry":
        return ENTRY
    models: dict[str, type[BaseModel]] = {**_SECTIONS, "params": DeploymentParams, "model_info": ModelInfo}
    return frozenset(models[section].model_fields)


def key_names(path: Collection[str], keys: Collection[str] = ()) -> frozenset[str]:
    """Names for `supported` from a section's path and the keys in it: `("router_settings",), ("retry_policy",)`.

    Without keys the whole section is meant. A leading `model_list` is left out.
    """
    section = ".".join(step for step in path if step != "model_list")
    return frozenset(_canonical(f"{section}.{key}" if section else key) for key in keys or ("",))


def _canonical(name: str) -> str:
    head, dot, rest = name.removesuffix(".").partition(".")
    return _OURS.get(head, head) + dot + rest
