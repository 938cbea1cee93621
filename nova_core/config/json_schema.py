"""The JSON Schema of the configuration file, for editors: `python -m nova_core.config.json_schema`."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nova_core.config.known_keys import KnownKeys, read_known_keys
from nova_core.config.loader import ALIASES
from nova_core.config.sections import (
    Compat,
    Credential,
    DeploymentParams,
    GeneralSettings,
    Guardrail,
    ModelInfo,
    NovaSettings,
    RouterSettings,
)

_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_NUMBERS = frozenset({"integer", "number", "boolean"})
_NOT_YET = "Accepted, but not supported yet: it has no effect."
_PROTECTIVE = "Not supported yet: the gateway refuses to start with it unless ignore_unsupported names it."
_SECTION_OF_MODEL = {
    "NovaSettings": "nova_settings", "RouterSettings": "router_settings", "GeneralSettings": "general_settings",
    "DeploymentParams": "params", "ModelInfo": "model_info",
}  # fmt: skip


class _Deployment(BaseModel):
    """An entry of `model_list`: one place that can serve `model_name`."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())
    model_name: str = Field(description="The name callers use; entries with one name share its calls.")
    params: DeploymentParams = Field(description="Where and how it is called; also written litellm_params.")
    model_info: ModelInfo = Field(default_factory=ModelInfo, description="Facts about the deployment.")
    rpm: int | None = Field(None, description="Requests a minute; the same as params.rpm.")
    tpm: int | None = Field(None, description="Tokens a minute; the same as params.tpm.")


class _File(BaseModel):
    """Configuration of a nova gateway."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())
    model_list: list[_Deployment] = Field(default_factory=list, description="The deployments.")
    nova_settings: NovaSettings = Field(
        default_factory=NovaSettings, description="Behaviour of every call; also written litellm_settings."
    )
    router_settings: RouterSettings = Field(
        default_factory=RouterSettings, description="How deployments are chosen and what happens on failure."
    )
    general_settings: GeneralSettings = Field(default_factory=GeneralSettings, description="The server.")
    environment_variables: dict[str, Any] = Field(default_factory=dict, description="Set in the process.")
    include: list[str] = Field(default_factory=list, description="Files merged into this one.")
    credential_list: list[Credential] = Field(default_factory=list, description="Values deployments share.")
    guardrails: list[Guardrail] = Field(default_factory=list, description="Checks that plugins run.")
    plugins: Any = Field("auto", description="auto, a list of names, or names with settings.")
    compat: Compat = Field(default_factory=Compat, description="Old behaviour, switched on.")
    ignore_unsupported: list[str] = Field(default_factory=list, description="Protective keys to ignore.")


def config_json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the file, with both spellings of the sections that have two."""
    known = read_known_keys()
    schema = _File.model_json_schema(mode="validation")
    for name, definition in schema["$defs"].items():
        section = _SECTION_OF_MODEL.get(name)
        if section:
            _add_known(definition, section, known)
        _add_spellings(definition)
    _add_known(schema, "top_level", known)
    _add_spellings(schema)
    schema["$defs"]["_Deployment"]["required"] = ["model_name"]
    schema["$defs"]["_Deployment"]["anyOf"] = _one_of("params")
    schema["$defs"]["Guardrail"]["required"] = ["guardrail_name"]
    schema["$defs"]["Guardrail"]["anyOf"] = _one_of("params")
    opened: dict[str, Any] = _open_to_references({"$schema": _SCHEMA, **schema})
    return opened | {"title": "nova configuration"}


def _one_of(name: str) -> list[dict[str, Any]]:
    return [{"required": [name]}, {"required": [ALIASES[name]]}]


def _add_known(definition: dict[str, Any], section: str, known: KnownKeys) -> None:
    names = known.section(section)
    properties = definition.setdefault("properties", {})
    for name in sorted((names.known | names.protective) - properties.keys()):
        properties[name] = {"description": _PROTECTIVE if name in names.protective else _NOT_YET}


def _add_spellings(definition: dict[str, Any]) -> None:
    properties = definition.get("properties", {})
    for ours, theirs in ALIASES.items():
        if ours in properties:
            properties[theirs] = properties[ours]


def _open_to_references(value: Any) -> Any:
    """Where a number or a boolean belongs, `os.environ/NAME` may stand; numbers are text; anything may be empty."""
    if isinstance(value, list):
        return [_open_to_references(item) for item in value]
    if not isinstance(value, dict):
        return value
    opened = {key: _open_to_references(item) for key, item in value.items()}
    kind = opened.get("type")
    if isinstance(kind, str) and kind in _NUMBERS:
        opened["type"] = [kind, "string", "null"]
    elif kind == "string":
        opened["type"] = ["string", "number", "null"]
    elif kind == "array" or kind == "object":
        opened["type"] = [kind, "null"]
    return opened


def main() -> None:
    json.dump(config_json_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
