"""Tables of the documentation that come from the code: `python -m tests.docs.tables` writes them anew."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from nova_core import errors
from nova_core.config.reliability import AllowedFailsPolicy, Hedging, RetryPolicy
from nova_core.config.sections import (
    CacheParams,
    Compat,
    DeploymentParams,
    GeneralSettings,
    KeptResponses,
    Limits,
    Log,
    ModelInfo,
    NovaSettings,
    RouterSettings,
    StaticKey,
    Tls,
)
from nova_core.errors import NovaError
from nova_core.hookspecs import NovaSpec
from nova_core.plugins.provider_rows import provider_row
from nova_core.plugins.steps import SYNC_HOOKS, hook_parameters
from tests.docs.matrix import COLUMNS, capability_cells, operation_cells, parameter_cells
from tests.docs.pages import pages
from tests.house.tree import plugins
from tests.server.bad_input import ROWS

MARKED = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
SYNC_MARK = re.compile(r"^\*Sync\*(?: \([^)]*\))?(?:, pure)?\. ")
SECTIONS: Mapping[str, type[BaseModel]] = {
    "nova-settings": NovaSettings,
    "cache-params": CacheParams,
    "router-settings": RouterSettings,
    "retry-policy": RetryPolicy,
    "allowed-fails-policy": AllowedFailsPolicy,
    "hedging": Hedging,
    "general-settings": GeneralSettings,
    "static-key": StaticKey,
    "limits": Limits,
    "responses": KeptResponses,
    "tls": Tls,
    "log": Log,
    "compat": Compat,
    "params": DeploymentParams,
    "model-info": ModelInfo,
}


def filled(text: str) -> str:
    """The page with every marked table as the code has it."""
    return MARKED.sub(lambda found: f"{found[1]}\n{table(found['name'])}\n\n{found[3]}", text)


def table(name: str) -> str:
    """One table. Raises KeyError for a name that nobody makes."""
    if name in SECTIONS:
        return keys_of(SECTIONS[name])
    return MAKERS[name]()


def keys_of(section: type[BaseModel]) -> str:
    """The honoured keys of a section of the configuration."""
    rows = [
        (f"`{name}`", _default(field), field.description or "") for name, field in sorted(section.model_fields.items())
    ]
    return rendered(("key", "default", "meaning"), rows)


def hooks() -> str:
    """Every hook: its parameters, and its contract."""
    rows = []
    for name, parameters in hook_parameters().items():
        kind = "plain" if name in SYNC_HOOKS else "plain or `async`"
        told = SYNC_MARK.sub("", " ".join(inspect.cleandoc(getattr(NovaSpec, name).__doc__ or "").split()))
        rows.append((f"`{name}({', '.join(parameters)})`", kind, told))
    return rendered(("hook", "function", "when, and what for"), rows)


def providers() -> str:
    """Every provider prefix of the plugins in this repository."""
    rows = []
    for plugin in plugins():
        for prefix, value in plugin.entry_points("nova.providers").items():
            module, _, attribute = value.partition(":")
            found = getattr(importlib.import_module(module), attribute)
            rows.append(provider_row(prefix, plugin.name, found() if inspect.isclass(found) else found))
    rows.sort(key=lambda row: row.prefix)
    return rendered(
        ("prefix", "key", "address", "operations", "distribution"),
        [
            (
                f"`{row.prefix}/`",
                row.key_in_words(_code),
                row.address_in_words(_code),
                row.operations_in_words(),
                f"`{row.distribution}`",
            )
            for row in rows
        ],
    )


def error_tree() -> str:
    """Every error class with what a caller sees of it."""
    return rendered(
        ("class", "status", "type", "code", "tried again"),
        [
            (
                f"{'– ' * depth}`{each.__name__}`",
                str(each.status),
                f"`{each.type}`",
                f"`{each.default_code}`" if each.default_code else "the status",
                "yes" if each.retryable else "no",
            )
            for depth, each in _tree(NovaError)
            if each.__module__ == errors.__name__
        ],
    )


def bad_input() -> str:
    """What each kind of bad input is answered with."""
    rows = [
        (
            row.title,
            f"`{row.path}`",
            f"{row.status}, then an error event" if row.last_event else str(row.status),
            _code(json.dumps(dict(row.error), ensure_ascii=False)),
        )
        for row in ROWS
    ]
    return rendered(("what is wrong", "asked of", "status", "`error`"), rows)


def capabilities() -> str:
    """What every provider takes."""
    return rendered(("model", "operations", "streams", *COLUMNS), capability_cells())


def parameters() -> str:
    """The parameters that a provider refuses or leaves out."""
    return rendered(("model", "refused by name", "left out, and named"), parameter_cells())


def operation_parameters() -> str:
    """The same of the operations beside chat."""
    return rendered(("model", "operation", "refused by name", "left out, and named"), operation_cells())


MAKERS: Mapping[str, Callable[[], str]] = {
    "hooks": hooks,
    "capabilities": capabilities,
    "parameters": parameters,
    "operation-parameters": operation_parameters,
    "providers": providers,
    "errors": error_tree,
    "bad-input": bad_input,
}


def rendered(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = tuple(head)
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _code(text: str) -> str:
    """A code span, also for text with backticks."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _tree(top: type[NovaError], depth: int = 0) -> Iterator[tuple[int, type[NovaError]]]:
    yield depth, top
    for each in top.__subclasses__():
        yield from _tree(each, depth + 1)


def _default(field: Any) -> str:
    value = field.default
    if value is PydanticUndefined and field.default_factory is not None:
        value = field.default_factory()
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel) or value is None or value in ((), {}, ""):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def main() -> None:
    """Write every table."""
    for page in pages():
        text = filled(page.text)
        if text != page.text:
            Path(page.path).write_text(text, encoding="utf-8")
            sys.stdout.write(f"{page.name}\n")


if __name__ == "__main__":
    main()
