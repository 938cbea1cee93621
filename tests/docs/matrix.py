"""What every provider of this repository takes, as its own codec says; the conformance kits hold it to its word."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from nova_core.errors import ConfigurationError
from nova_core.plugins.provider_rows import OPERATIONS
from nova_core.testing import ProviderConformance
from nova_core.types.capabilities import Capabilities
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.types.message import Operation
from nova_core.types.secret import Secret
from nova_core.wire.capabilities import capabilities_of
from nova_core.wire.operation_samples import ASKED, samples_of
from nova_core.wire.samples import PARAMETERS
from tests.house.kits import kits, operation_kits
from tests.house.tree import plugins

ANY_MODEL = "model-a"
ADDRESS = "https://api.example.com/v1"
COLUMNS = {
    "tools": "function_calling",
    "parallel": "parallel_function_calling",
    "tool choice": "tool_choice",
    "images": "vision",
    "audio": "audio_input",
    "PDF": "pdf_input",
    "structured": "response_schema",
    "reasoning": "reasoning",
    "caching": "prompt_caching",
    "web search": "web_search",
}
"""Heading → ability."""
CHAT = frozenset({"chat", "completion", "count_tokens"})
MARKS = {Fate.LOST: "no", Fate.HINT: "left out", None: "?"}


@dataclass(frozen=True)
class Taken:
    """A model of a provider, and what becomes of what it is asked for; `whole` where it has whole answers only."""

    name: str
    operations: tuple[str, ...]
    capabilities: Capabilities
    whole: bool = False

    @property
    def chats(self) -> bool:
        return "chat" in self.operations

    def mark(self, ability: str) -> str:
        """One cell."""
        return MARKS.get(self.capabilities.fate(ability), "yes") if self.chats else ""

    def parameters(self, fate: Fate) -> list[str]:
        """The parameters with this fate."""
        return [name for name in PARAMETERS if self.chats and self.capabilities.fate(name) is fate]


@cache
def matrix() -> tuple[Taken, ...]:
    """One entry for each provider, or for each of its families of models."""
    return tuple(sorted(_entries(), key=lambda entry: entry.name))


def capability_cells() -> list[tuple[str, ...]]:
    """What can be asked for, provider by provider."""
    return [
        (
            f"`{each.name}`",
            ", ".join(each.operations),
            ("in one piece" if each.whole else "yes") if each.chats else "",
            *(each.mark(ability) for ability in COLUMNS.values()),
        )
        for each in matrix()
    ]


def parameter_cells() -> list[tuple[str, ...]]:
    """What becomes of parameters that are not sent as they are meant."""
    rows = [(each.name, each.parameters(Fate.LOST), each.parameters(Fate.HINT)) for each in matrix()]
    return [
        (f"`{name}`", *(", ".join(f"`{parameter}`" for parameter in found) for found in (lost, left)))
        for name, lost, left in rows
        if lost or left
    ]


def operation_cells() -> list[tuple[str, ...]]:
    """What becomes of parameters of the operations beside chat that are not sent as they are meant."""
    rows = []
    for provider, operation, deployment in served_operations():
        known = capabilities_of(provider, deployment)
        lost, left = (
            ", ".join(f"`{each}`" for each in samples_of(operation) if known.fate(f"{operation}.{each}") is fate)
            for fate in (Fate.LOST, Fate.HINT)
        )
        if lost or left:
            rows.append((f"`{_named(deployment.provider, deployment.model)}`", operation, lost, left))
    return sorted(rows)


@cache
def served_operations() -> tuple[tuple[Any, Operation, Deployment], ...]:
    """Each operation beside chat of each provider, at its kit's model where it has one, else at any."""
    tried = {(kit.provider, kit.operation): kit for kit in operation_kits()}
    found: list[tuple[Any, Operation, Deployment]] = []
    for plugin in plugins():
        for prefix, value in plugin.entry_points("nova.providers").items():
            for operation in ASKED:
                kit = tried.get((prefix, operation))
                model, base = (kit.model, f"https://api.example.com{kit.api_path}") if kit else (ANY_MODEL, ADDRESS)
                provider = kit.plugin if kit else _provider(value)
                if operation in provider.operations(model):
                    settings = kit.settings if kit else {}
                    found.append((provider, operation, _deployed(prefix, model, provider, base, **settings)))
    return tuple(found)


def text_deployments(operation: Operation) -> Iterator[tuple[Any, Deployment]]:
    """Each provider of completions or embeddings with a deployment, at its kits' models where it has some."""
    tried: dict[str, list[type[ProviderConformance]]] = {}
    for kit in kits():
        if operation in kit.operations:
            tried.setdefault(kit.provider, []).append(kit)
    for plugin in plugins():
        for prefix, value in plugin.entry_points("nova.providers").items():
            if not tried.get(prefix):
                provider = _provider(value)
                if operation in provider.operations(ANY_MODEL):
                    yield provider, _deployed(prefix, ANY_MODEL, provider, ADDRESS)
            for kit in tried.get(prefix, ()):
                model = kit.embedding_model if operation == "embedding" else kit.model
                base = f"https://api.example.com{getattr(kit, 'api_path', '')}"
                yield kit.plugin, _deployed(prefix, model, kit.plugin, base, **kit.settings)


def _entries() -> Iterator[Taken]:
    by_prefix: dict[str, list[type[ProviderConformance]]] = {}
    for kit in kits():
        by_prefix.setdefault(kit.provider, []).append(kit)
    for plugin in plugins():
        for prefix, value in plugin.entry_points("nova.providers").items():
            tried = by_prefix.get(prefix)
            if tried:
                yield from {each.name: each for each in map(_of_kit, tried)}.values()
            else:
                yield _taken(prefix, ANY_MODEL, _provider(value), ADDRESS)


def _of_kit(kit: type[ProviderConformance]) -> Taken:
    chats = "chat" in kit.operations
    model = kit.model if chats else kit.embedding_model
    base = f"https://api.example.com{getattr(kit, 'api_path', '')}"
    taken = _taken(kit.provider, model, kit.plugin, base, **kit.settings)
    taken = replace(taken, whole=not kit.streams)
    return taken if chats else replace(taken, operations=tuple(name for name in taken.operations if name not in CHAT))


def _taken(prefix: str, model: str, provider: Any, base: str, **settings: Any) -> Taken:
    served = provider.operations(model)
    deployment = _deployed(prefix, model, provider, base, **settings)
    operations = tuple(name for name in OPERATIONS if name in served)
    return Taken(_named(prefix, model), operations, capabilities_of(provider, deployment))


def _named(prefix: str, model: str) -> str:
    return f"{prefix}/…" if model in (ANY_MODEL, "embed-a") else f"{prefix}/{model}"


def _deployed(prefix: str, model: str, provider: Any, base: str, **settings: Any) -> Deployment:
    bare = Deployment("id", "group", prefix, model, api_base=base, api_key=Secret("key-of-nobody"))
    bare = replace(bare, **settings)
    try:
        completed: Deployment = provider.complete(bare, {})
    except ConfigurationError:
        return bare
    return completed


def _provider(value: str) -> Any:
    module, _, attribute = value.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    return found() if inspect.isclass(found) else found
