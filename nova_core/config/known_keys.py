"""The names of the de-facto standard configuration that the core knows without honouring them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

DATA = "known_keys.yaml"


@dataclass(frozen=True, slots=True)
class SectionNames:
    """What the data file says of one section; see its head for the meanings."""

    known: frozenset[str] = frozenset()
    protective: frozenset[str] = frozenset()
    call: frozenset[str] = frozenset()
    harmless: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Names by section: top_level, nova_settings, router_settings, general_settings, params, model_info, entry."""

    sections: Mapping[str, SectionNames]
    protective_callbacks: frozenset[str]
    routing_strategies: tuple[str, ...]

    def section(self, name: str) -> SectionNames:
        return self.sections.get(name) or SectionNames()


@cache
def read_known_keys() -> KnownKeys:
    """Read the data file that ships with the package, once."""
    text = files("nova_core.config").joinpath(DATA).read_text(encoding="utf-8")
    # libyaml's parser where PyYAML has it: the file is read at every start, and it takes a tenth of the time.
    data: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    strategies = tuple(data.pop("routing_strategies"))
    callbacks = frozenset(data.pop("callbacks")["protective"])
    return KnownKeys({name: _section(keys) for name, keys in data.items()}, callbacks, strategies)


def _section(keys: Mapping[str, Any]) -> SectionNames:
    return SectionNames(
        known=frozenset(keys.get("known", ())),
        protective=frozenset(keys.get("protective", ())),
        call=frozenset(keys.get("call", ())),
        harmless={name: frozenset(values) for name, values in keys.get("harmless", {}).items()},
    )
