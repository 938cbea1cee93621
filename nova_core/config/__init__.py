"""Reading the configuration file: parsing, typing, and saying what is wrong with it."""

from __future__ import annotations

from nova_core.config.check import check_keys, protective_refusals, read_settings
from nova_core.config.environment import apply_environment, read_dotenv
from nova_core.config.explain import ConfigError, KeyPath, Position, Problem, did_you_mean, dotted
from nova_core.config.loader import LoadedConfig, from_mapping, load, loads
from nova_core.config.redact import redacted, redacted_text
from nova_core.config.schema import GuardrailEntry, ModelEntry, PluginSettings, Settings
from nova_core.config.secrets import Unresolved
from nova_core.config.sections import (
    CacheParams,
    Compat,
    Credential,
    GeneralSettings,
    Limits,
    NovaSettings,
    RouterSettings,
    StaticKey,
)
from nova_core.config.survey import key_names

__all__ = [
    "CacheParams",
    "Compat",
    "ConfigError",
    "Credential",
    "GeneralSettings",
    "GuardrailEntry",
    "KeyPath",
    "Limits",
    "LoadedConfig",
    "ModelEntry",
    "NovaSettings",
    "PluginSettings",
    "Position",
    "Problem",
    "RouterSettings",
    "Settings",
    "StaticKey",
    "Unresolved",
    "apply_environment",
    "check_keys",
    "did_you_mean",
    "dotted",
    "from_mapping",
    "key_names",
    "load",
    "loads",
    "protective_refusals",
    "read_dotenv",
    "read_settings",
    "redacted",
    "redacted_text",
]
