"""The whole configuration, typed: what the rest of the gateway reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_core.config.explain import KeyPath, Position
from nova_core.config.loader import LoadedConfig
from nova_core.config.sections import Compat, Credential, GeneralSettings, NovaSettings, RouterSettings


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One deployment as configured.

    `params` holds `model` and every other key of `params`/`litellm_params`: references resolved, the values of the
    named credential filled in, nulls left out. `unresolved` names variables or files of this entry that were not
    found, so that a deployment is not called with half of its settings.
    """

    model_name: str
    params: Mapping[str, Any] = field(repr=False)
    info: Mapping[str, Any]
    path: KeyPath
    position: Position | None = None
    unresolved: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        return str(self.params["model"])


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """`plugins: auto`, a list of names, or names with settings."""

    auto: bool = False
    names: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    path: KeyPath = ("plugins",)


@dataclass(frozen=True, slots=True)
class GuardrailEntry:
    """One entry of `guardrails`; `params` names the guardrail and holds its settings."""

    name: str
    params: Mapping[str, Any] = field(repr=False)
    info: Mapping[str, Any]
    path: KeyPath
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration without errors. `raw` is the resolved file as written, for plugins' own sections.

    `unknown` and `unsupported` are the paths, as written, of keys nobody knows and of keys that are known but
    have no effect.
    """

    models: tuple[ModelEntry, ...] = ()
    nova: NovaSettings = field(default_factory=NovaSettings)
    router: RouterSettings = field(default_factory=RouterSettings)
    general: GeneralSettings = field(default_factory=GeneralSettings)
    compat: Compat = field(default_factory=Compat)
    plugins: PluginSettings = field(default_factory=PluginSettings)
    guardrails: tuple[GuardrailEntry, ...] = ()
    callbacks: tuple[str, ...] = ()
    credentials: tuple[Credential, ...] = field(default=(), repr=False)
    ignore_unsupported: tuple[str, ...] = ()
    unknown: tuple[KeyPath, ...] = ()
    unsupported: tuple[KeyPath, ...] = ()
    source: LoadedConfig | None = field(default=None, repr=False)

    @property
    def raw(self) -> Mapping[str, Any]:
        return self.source.raw if self.source else {}

    @property
    def environment_variables(self) -> Mapping[str, str]:
        """Variables to set in the process, blocked names left out; see `apply_environment`."""
        return self.source.environment if self.source else {}

    def locate(self, path: KeyPath) -> Position | None:
        return self.source.locate(path) if self.source else None
