"""The questions asked of a loaded file: is it right, and may the gateway start with it?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from nova_core.config.build import Builder
from nova_core.config.explain import ConfigError, KeyPath, Problem, Severity, did_you_mean, dotted, in_reading_order
from nova_core.config.loader import LoadedConfig
from nova_core.config.schema import Settings
from nova_core.config.secrets import Unresolved
from nova_core.config.survey import FoundKey, Survey

# Where a value that is not found would open the gateway instead of breaking one deployment.
_MUST_RESOLVE: tuple[KeyPath, ...] = (("general_settings", "master_key"), ("general_settings", "keys"))


def read_settings(loaded: LoadedConfig, *, supported: Collection[str] = ()) -> Settings:
    """The typed settings; `ConfigError` with every error when the file cannot be used.

    Protective keys are not judged here: plugins may support them, so ask `protective_refusals` once it is known
    which plugins run. `supported` are the names they declare (see `Survey`).
    """
    builder = Builder(loaded)
    settings = builder.build()
    _refuse_errors((*loaded.problems, *builder.problems, *_lost_values(loaded)))
    found = Survey(loaded, supported).found()
    return replace(
        settings,
        unknown=tuple(key.path for key in found if key.status == "unknown"),
        unsupported=tuple(key.path for key in found if key.status == "unsupported"),
    )


def settings_to_check(loaded: LoadedConfig) -> Settings:
    """Settings that only checks may use: values the gateway cannot do without may be missing in them.

    `ConfigError` when the file does not have the right shape.
    """
    builder = Builder(loaded)
    settings = builder.build()
    _refuse_errors((*loaded.problems, *builder.problems))
    return settings


def _refuse_errors(problems: Collection[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise ConfigError(errors)


def check_keys(loaded: LoadedConfig, *, supported: Collection[str] = ()) -> list[Problem]:
    """Everything to say about the file, errors first; never raises."""
    builder = Builder(loaded)
    settings = builder.build()
    found = Survey(loaded, supported).found()
    refused = _refused(found, settings.ignore_unsupported)
    problems = [*loaded.problems, *builder.problems, *_lost_values(loaded), *_misspelt_values(loaded)]
    problems += [key.problem(loaded) for key in found if key not in refused]
    problems += [_refusal(key, loaded) for key in refused]
    problems += _idle_ignores(found, settings.ignore_unsupported, loaded)
    return list(in_reading_order(problems))


def protective_refusals(
    settings: Settings, *, supported: Collection[str] = (), ignore: Collection[str] = ()
) -> list[Problem]:
    """Errors that must stop the start: keys that close something, which neither core nor plugins honour.

    `ignore` adds to the names the file gives in `ignore_unsupported`.
    """
    if settings.source is None:
        return []
    found = Survey(settings.source, supported).found()
    refused = _refused(found, (*settings.ignore_unsupported, *ignore))
    return [_refusal(key, settings.source) for key in refused]


def _refused(found: Collection[FoundKey], ignore: Collection[str]) -> list[FoundKey]:
    names = frozenset(ignore)
    return [key for key in found if key.is_protective and not key.names() & names]


def _refusal(key: FoundKey, loaded: LoadedConfig) -> Problem:
    what = f" ({key.hint})" if key.hint else ""
    return Problem(
        "error", "protective-key",
        f"`{dotted(key.path)}`{what} protects this gateway and is not supported: starting without it would open "
        "what it closes",
        f"add a plugin that supports it, or `general_settings.ignore_unsupported: [{key.name}]`",
        loaded.locate(key.path), key.path,
    )  # fmt: skip


def _lost_values(loaded: LoadedConfig) -> list[Problem]:
    return [_lost_value(lost, loaded) for lost in loaded.unresolved]


def _lost_value(lost: Unresolved, loaded: LoadedConfig) -> Problem:
    is_fatal = any(lost.path[: len(path)] == path for path in _MUST_RESOLVE)
    if lost.kind == "environment":
        message = f"`{dotted(lost.path)}`: the environment variable {lost.name or '(no name)'} is not set"
        names = [name for name in loaded.environ if name.isupper()]
        hint = did_you_mean(lost.name, names, cutoff=0.85) or f"export {lost.name}=…"
    else:
        message = f"`{dotted(lost.path)}`: the secret file {lost.name} cannot be read"
        hint = "os.file//absolute/path, or a path relative to the configuration file"
    severity: Severity = "error" if is_fatal else "warning"
    return Problem(severity, "unresolved", message, hint, loaded.locate(lost.path), lost.path)


def _idle_ignores(found: Collection[FoundKey], ignore: Collection[str], loaded: LoadedConfig) -> list[Problem]:
    """Names in `ignore_unsupported` that ignore nothing: a typo there leaves the operator believing otherwise."""
    protective = [key for key in found if key.is_protective]
    known = frozenset(name for key in protective for name in key.names())
    path: KeyPath = ("ignore_unsupported",)
    if path not in loaded.positions:
        path = ("general_settings", "ignore_unsupported")
    return [
        Problem("info", "ignore-unused", f"`ignore_unsupported` names `{name}`, which refuses nothing here",
                did_you_mean(name, known), loaded.locate(path), path)
        for name in ignore if name not in known
    ]  # fmt: skip


def _misspelt_values(loaded: LoadedConfig) -> list[Problem]:
    """References that are nearly right, or of a kind that is not supported, and would be sent as they stand."""
    problems: list[Problem] = []

    def look(value: Any, path: KeyPath) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                look(item, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                look(item, (*path, index))
        elif isinstance(value, str) and value.startswith("oidc/"):
            problems.append(
                Problem(
                    "warning",
                    "oidc",
                    f"`{dotted(path)}`: oidc/ references are not supported yet",
                    "write os.environ/NAME or os.file/PATH",
                    loaded.locate(path),
                    path,
                )
            )
        elif isinstance(value, str) and " os.environ/" in value and "pass_through_endpoints" not in path:
            problems.append(
                Problem(
                    "warning",
                    "reference",
                    f"`{dotted(path)}`: os.environ/NAME counts only as the whole value",
                    "in a file with nova-named sections, ${NAME} may stand inside a text",
                    loaded.locate(path),
                    path,
                )
            )
        elif isinstance(value, str) and value.startswith(("os.environ.", "os.environ[", "os.getenv", "env/")):
            problems.append(
                Problem(
                    "warning",
                    "reference",
                    f"`{dotted(path)}` looks like a misspelt reference",
                    "write os.environ/NAME",
                    loaded.locate(path),
                    path,
                )
            )

    look(loaded.raw, ())
    return problems
