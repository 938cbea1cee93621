"""Nothing half-done is left lying about, and tests can fail."""

from __future__ import annotations

import ast

from tests.house.tree import CORE, core_files, files_of_tests, functions, place, plugin_files, syntax, texts

MARKERS = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]
CHECKED = {".py", ".md", ".toml", ".yaml", ".yml", ".ini", ".sh", ".txt"}
EXPECTING = ("assert", "check", "verify", "expect", "run_conformance")


def last_name(called: ast.expr) -> str:
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ast.unparse(called)


def asserts_something(test: ast.AST) -> bool:
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = last_name(node.func).lower()
            if called in {"raises", "warns", "fail"} or called.startswith(EXPECTING):
                return True
    return False


def written_tests(tree: ast.Module):
    holders = [
        tree,
        *(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test")),
    ]
    for holder in holders:
        for node in holder.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                yield node


def test_every_test_asserts_something():
    idle = [
        f"{place(path, test)} {test.name}"
        for path in files_of_tests()
        for test in written_tests(syntax(path))
        if not asserts_something(test)
    ]
    assert idle == []


def test_no_test_is_skipped_without_a_reason():
    silent = [
        place(path, function)
        for path in files_of_tests()
        for function in functions(syntax(path))
        for mark in map(ast.unparse, function.decorator_list)
        if "mark.skip" in mark and "reason" not in mark
    ]
    assert silent == []


def test_no_marker_of_unfinished_work_is_left():
    left = [
        f"{place(path)}:{number}"
        for path in texts(CHECKED)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if any(marker in line for marker in MARKERS)
    ]
    assert left == []


def is_stub(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    if len(body) != 1:
        return False
    return isinstance(body[0], ast.Pass) or "NotImplementedError" in ast.unparse(body[0])


def test_no_function_is_a_stub():
    stubs = [
        f"{place(path, function)} {function.name}"
        for path in [*core_files(), *plugin_files()]
        for function in functions(syntax(path))
        if is_stub(function) and not any("abstract" in ast.unparse(mark) for mark in function.decorator_list)
    ]
    assert stubs == []


def test_no_module_is_named_for_being_a_drawer():
    drawers = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "misc.py"}
    assert [place(path) for path in [*core_files(), *plugin_files()] if path.name in drawers] == []


def test_every_module_of_the_core_says_in_one_line_what_it_is():
    without = [
        place(path)
        for path in [*core_files(), *plugin_files()]
        if path.read_text(encoding="utf-8").strip() and not ast.get_docstring(syntax(path))
    ]
    assert without == []
    assert CORE.is_dir()
