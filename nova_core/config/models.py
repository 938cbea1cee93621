"""The entries of `model_list`: credentials filled in, values in the types the gateway expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nova_core.config.explain import KeyPath
from nova_core.config.schema import ModelEntry
from nova_core.config.sections import Credential, DeploymentParams, ModelInfo

if TYPE_CHECKING:
    from nova_core.config.build import Builder

_CREDENTIAL = "litellm_credential_name"
_LIMITS = ("rpm", "tpm")


class ModelReader:
    """Reads entries one by one; an entry with errors is reported to the builder and left out."""

    def __init__(self, builder: Builder, credentials: Sequence[Credential], defaults: Mapping[str, Any]) -> None:
        self._builder = builder
        self._credentials = {entry.credential_name: entry.credential_values for entry in credentials}
        self._defaults = defaults

    def read(self, entries: Sequence[tuple[KeyPath, dict[str, Any]]]) -> tuple[ModelEntry, ...]:
        found = (self._entry(entry, path) for path, entry in entries)
        return tuple(entry for entry in found if entry)

    def _entry(self, entry: dict[str, Any], path: KeyPath) -> ModelEntry | None:
        name = entry.get("model_name")
        if isinstance(name, int | float) and not isinstance(name, bool):
            name = str(name)
        if not isinstance(name, str) or not name.strip():
            self._builder.report("required", "`model_name` is required", "the name callers use", path)
            return None
        info_path = (*path, "model_info")
        raw_info = self._builder.mapping(entry.get("model_info"), info_path)
        info = self._builder.typed(ModelInfo, raw_info, info_path)
        raw_params = self._params(entry, raw_info, path)
        params = self._builder.typed(DeploymentParams, raw_params, (*path, "params")) if raw_params else None
        if params is None or info is None:
            return None
        loaded = self._builder.loaded
        missing = [lost.name for lost in loaded.unresolved if lost.path[: len(path)] == path]
        return ModelEntry(
            model_name=name,
            params=params.model_dump(exclude_unset=True, exclude={_CREDENTIAL}),
            info=info.model_dump(exclude_unset=True),
            path=path,
            position=loaded.locate(path),
            unresolved=tuple(dict.fromkeys(missing)),
        )

    def _params(self, entry: dict[str, Any], info: dict[str, Any], path: KeyPath) -> dict[str, Any] | None:
        if entry.get("params") is None and entry.get("litellm_params") is None:
            self._builder.report(
                "required",
                "`params` is required in an entry of model_list",
                "params: {model: provider/model}; litellm_params is the same",
                path,
            )
            return None
        params = self._builder.aliased(entry, "params", path)
        given = {key: value for key, value in params.items() if value is not None}
        elsewhere = {key: value for key in _LIMITS if (value := entry.get(key, info.get(key))) is not None}
        return {**self._defaults, **self._credential(given, path), **elsewhere, **given} or {"model": None}

    def _credential(self, params: dict[str, Any], path: KeyPath) -> Mapping[str, Any]:
        name = params.get(_CREDENTIAL)
        if not isinstance(name, str):
            return {}
        if name not in self._credentials:
            self._builder.unknown_credential(name, list(self._credentials), (*path, "params", _CREDENTIAL))
        return self._credentials.get(name, {})
