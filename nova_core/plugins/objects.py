"""Gets plugin objects out of entry points and dotted paths; whatever fails there becomes a sentence."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

from nova_core.config.redact import redacted_text
from nova_core.hookspecs import PROJECT
from nova_core.plugins.beside import import_dotted
from nova_core.plugins.discovery import InstalledPlugin

_LONGEST_REASON = 400
_CALLBACK_METHODS = (
    "async_pre_call_hook",
    "async_moderation_hook",
    "async_post_call_success_hook",
    "async_post_call_failure_hook",
    "async_post_call_streaming_hook",
    "async_post_call_streaming_iterator_hook",
    "async_pre_routing_hook",
    "async_filter_deployments",
    "async_logging_hook",
    "async_log_success_event",
    "async_log_failure_event",
    "log_pre_api_call",
    "log_success_event",
    "log_failure_event",
)


class LoadError(Exception):
    """A plugin object cannot be had; the message is for the operator. `missing`: there is no such module."""

    def __init__(self, reason: str, *, missing: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing


class Objects:
    """Plugin objects of one load; a class is instantiated once, however many names lead to it."""

    def __init__(self, base_dir: Path | None) -> None:
        self._base_dir = base_dir
        self._instances: dict[type, object] = {}

    def of_entry_point(self, found: InstalledPlugin) -> object:
        """Import what an entry point names. Raises `LoadError`."""
        entry = EntryPoint(found.name, found.value, found.group)
        return self._ready(_guarded(entry.load, "it cannot be imported"))

    def of_path(self, dotted: str) -> object:
        """Import `module.attribute`, beside the configuration first. Raises `LoadError`."""
        try:
            found = _guarded(lambda: import_dotted(dotted, self._base_dir), "it cannot be imported")
        except LoadError as error:
            cause = error.__cause__
            absent = isinstance(cause, ModuleNotFoundError) and f"{dotted}.".startswith(f"{cause.name}.")
            if not absent:
                raise
            raise LoadError("no plugin of this name is installed, and there is no such module", missing=True) from cause
        return self._ready(found)

    def requirements(self, plugin: object) -> tuple[str, ...]:
        """The names of other plugins in its `requires`. Raises `LoadError` when that is not a tuple of names."""
        wanted = _guarded(lambda: getattr(plugin, "requires", ()), "its `requires` cannot be read")
        if not isinstance(wanted, tuple) or not all(isinstance(name, str) for name in wanted):
            raise LoadError("its `requires` is not a tuple of plugin names")
        return wanted

    def _ready(self, found: object) -> object:
        if found is None:
            raise LoadError("the plugin object is None")
        method = _callback_method(found)
        if method and not _has_hookimpl(found):
            raise LoadError(f"it is a callback object ({method}); these are not supported yet")
        if not inspect.isclass(found):
            return found
        if found not in self._instances:
            self._instances[found] = _guarded(found, f"{found.__name__}() cannot be made")
        return self._instances[found]


def _guarded(action: Callable[[], object], what: str) -> object:
    """Run a plugin's code: whatever it raises, an attempt to exit included, is a `LoadError`."""
    try:
        return action()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise LoadError(f"{what}: {_said(error)}") from error


def _said(error: BaseException) -> str:
    told = str(error)
    if isinstance(error, ImportError) and error.path:
        told = told.replace(f" ({error.path})", "")  # callers are told, too, and the place follows
    text = redacted_text(" ".join(told.split()))[:_LONGEST_REASON]
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if _is_plugins_own(frame.filename)), None)
    place = f" ({Path(last.filename).name}:{last.lineno})" if last else ""
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def _is_plugins_own(filename: str) -> bool:
    folder = Path(filename).parent
    return not filename.startswith("<") and "importlib" not in folder.parts and folder != Path(__file__).parent


def _callback_method(found: object) -> str:
    return next((name for name in _CALLBACK_METHODS if callable(inspect.getattr_static(found, name, None))), "")


def _has_hookimpl(found: object) -> bool:
    return any(hasattr(inspect.getattr_static(found, name, None), f"{PROJECT}_impl") for name in dir(found))
