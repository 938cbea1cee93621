"""Modules and functions stay small enough to read."""

from __future__ import annotations

from tests.house.tree import ROOT, core_files, functions, place, plugin_files, python_files, syntax

MODULE_LINES = 400
FUNCTION_LINES = 60


def source_files():
    return [
        *core_files(),
        *plugin_files(),
        *python_files(ROOT / "benchmarks", ROOT / "scripts", ROOT / "examples"),
    ]


def test_no_module_is_longer_than_400_lines():
    sizes = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert {path: lines for path, lines in sizes.items() if lines > MODULE_LINES} == {}
    assert len(sizes) > 10


def test_no_function_is_longer_than_60_lines():
    too_long = [
        f"{place(path, function)} {function.name}: {size}"
        for path in source_files()
        for function in functions(syntax(path))
        if (size := (function.end_lineno or function.lineno) - function.lineno + 1) > FUNCTION_LINES
    ]
    assert too_long == []
