"""From a loaded file to `Settings`, collecting every error on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nova_core.config.explain import KeyPath, Problem, Severity, did_you_mean, dotted
from nova_core.config.loader import ALIASES, LoadedConfig
from nova_core.config.models import ModelReader
from nova_core.config.schema import GuardrailEntry, PluginSettings, Settings
from nova_core.config.sections import (
    Compat,
    Credential,
    GeneralSettings,
    Guardrail,
    NovaSettings,
    RouterSettings,
)
from nova_core.config.typing_errors import explain_errors

Model = TypeVar("Model", bound=BaseModel)

# Written under either section; router_settings wins.
_SHARED = (
    "num_retries", "fallbacks", "default_fallbacks", "context_window_fallbacks", "content_policy_fallbacks",
    "max_fallbacks", "allowed_fails",
)  # fmt: skip
_MASTER_KEY_VARIABLES = ("NOVA_MASTER_KEY", "LITELLM_MASTER_KEY")


class Builder:
    """One pass over one file. `problems` holds what was wrong; sections that failed are left at their defaults."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self.problems: list[Problem] = []
        self._loaded = loaded
        self._raw = loaded.raw

    def build(self) -> Settings:
        nova = self.typed(NovaSettings, self.aliased(self._raw, "nova_settings", ()), ("nova_settings",))
        router = self.typed(RouterSettings, self._section("router_settings"), ("router_settings",))
        general = self.typed(GeneralSettings, self._general(), ("general_settings",))
        nova, router = nova or NovaSettings(), router or RouterSettings()
        general = general or GeneralSettings()
        credentials = self._credentials()
        models = ModelReader(self, credentials, router.default_litellm_params)
        return Settings(
            models=models.read(self._entries("model_list")),
            nova=nova,
            router=_with_defaults(router, nova),
            general=general,
            compat=self.typed(Compat, self._section("compat"), ("compat",)) or Compat(),
            plugins=self._plugins(),
            guardrails=self._guardrails(),
            callbacks=nova.callbacks,
            credentials=credentials,
            ignore_unsupported=(*general.ignore_unsupported, *self._ignored_at_top()),
            source=self._loaded,
        )

    @property
    def loaded(self) -> LoadedConfig:
        return self._loaded

    def report(self, code: str, message: str, hint: str, path: KeyPath, *, warn: bool = False) -> None:
        written = self._loaded.written(path)
        severity: Severity = "warning" if warn else "error"
        self.problems.append(Problem(severity, code, message, hint, self._loaded.locate(path), written))

    def typed(self, model: type[Model], value: Mapping[str, Any], path: KeyPath) -> Model | None:
        """Validate `value`; keys that are null count as absent."""
        try:
            return model.model_validate({key: item for key, item in value.items() if item is not None})
        except ValidationError as error:
            self.problems.extend(explain_errors(error, model, path, self._loaded))
            return None

    def aliased(self, holder: Mapping[str, Any], name: str, path: KeyPath) -> dict[str, Any]:
        """The mapping `name`, also under its second spelling; one key with two values is an error."""
        second = ALIASES[name]
        ours = self.mapping(holder.get(name), (*path, name))
        theirs = self.mapping(holder.get(second), (*path, second))
        for key in ours.keys() & theirs.keys():
            if ours[key] != theirs[key]:
                other = self._loaded.locate((*path, second, key))
                self.report(
                    "conflict",
                    f"`{key}` has another value in `{dotted((*path, second))}` ({other})",
                    f"`{name}` and `{second}` are the same section: keep one value",
                    (*path, name, key),
                )
        return {**theirs, **ours}

    def mapping(self, value: Any, path: KeyPath) -> dict[str, Any]:
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self.report("type", f"`{dotted(self._loaded.written(path))}` must be a mapping (key: value)", "", path)
        return {}

    def _section(self, name: str) -> dict[str, Any]:
        return self.mapping(self._raw.get(name), (name,))

    def _entries(self, name: str) -> list[tuple[KeyPath, dict[str, Any]]]:
        value = self._raw.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.report("type", f"`{name}` must be a list", "begin each entry with `- `", (name,))
            return []
        found: list[tuple[KeyPath, dict[str, Any]]] = []
        for index, entry in enumerate(value):
            if isinstance(entry, dict):
                found.append(((name, index), entry))
            else:
                self.report("type", f"`{name}[{index}]` must be a mapping (key: value)", "", (name, index))
        return found

    def _general(self) -> dict[str, Any]:
        section = dict(self._section("general_settings"))
        if section.get("master_key") is None:
            keys = (self._loaded.environ.get(name) for name in _MASTER_KEY_VARIABLES)
            section["master_key"] = next((key for key in keys if key), None)
        return section

    def _ignored_at_top(self) -> tuple[str, ...]:
        value = self._raw.get("ignore_unsupported")
        names = [value] if isinstance(value, str) else value or []
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
        self.report("type", "`ignore_unsupported` must be a list of key names", "", ("ignore_unsupported",))
        return ()

    def _credentials(self) -> tuple[Credential, ...]:
        found = (self.typed(Credential, entry, path) for path, entry in self._entries("credential_list"))
        return tuple(credential for credential in found if credential)

    def _guardrails(self) -> tuple[GuardrailEntry, ...]:
        found = []
        for path, entry in self._entries("guardrails"):
            rest = {key: value for key, value in entry.items() if key not in ("params", "litellm_params")}
            params = self.aliased(entry, "params", path)
            guardrail = self.typed(Guardrail, {**rest, "params": params}, path)
            if guardrail:
                found.append(
                    GuardrailEntry(
                        guardrail.guardrail_name,
                        guardrail.params,
                        guardrail.guardrail_info,
                        path,
                        self._loaded.locate(path),
                    )
                )
        return tuple(found)

    def _plugins(self) -> PluginSettings:
        value = self._raw.get("plugins")
        if value is None or value == "auto":
            return PluginSettings(auto=value == "auto")
        items: list[tuple[KeyPath, Any, Any]] = []
        if isinstance(value, dict):
            items = [(("plugins", name), name, settings) for name, settings in value.items()]
        elif isinstance(value, list):
            for index, item in enumerate(value):
                pairs = item.items() if isinstance(item, dict) else [(item, None)]
                items.extend((("plugins", index), name, settings) for name, settings in pairs)
        else:
            self.report(
                "type", "`plugins` must be `auto`, a list of names, or a mapping of names to settings", "", ("plugins",)
            )
        settings: dict[str, Mapping[str, Any]] = {}
        for path, name, given in items:
            if isinstance(name, str) and (given is None or given is True or isinstance(given, dict)):
                settings[name] = given if isinstance(given, dict) else {}
            else:
                self.report("type", "a plugin must be a name, or a name with a mapping of settings", "", path)
        return PluginSettings(names=tuple(settings), settings=settings)

    def unknown_credential(self, name: str, names: list[str], path: KeyPath) -> None:
        self.report(
            "credential",
            f"`credential_list` has no entry named `{name}`",
            did_you_mean(name, names) or "add it to credential_list",
            path,
            warn=True,
        )


def _with_defaults(router: RouterSettings, nova: NovaSettings) -> RouterSettings:
    """Take what router_settings leaves out, or leaves empty, from nova_settings."""
    update: dict[str, Any] = {}
    for name in _SHARED:
        own, default = getattr(router, name), getattr(nova, name)
        is_empty = name not in router.model_fields_set or own in ((), {})
        if is_empty and default is not None and default not in ((), {}):
            update[name] = default
    return router.model_copy(update=update)
