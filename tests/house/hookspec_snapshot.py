"""The hook signatures as text; `python -m tests.house.hookspec_snapshot` writes the snapshot anew."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.tree import CORE, functions, syntax

HOOKSPECS = CORE / "hookspecs.py"
SNAPSHOT = Path(__file__).with_name("hookspecs.txt")


def hookspecs() -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of `nova_core/hookspecs.py` that is marked as a hook."""
    return [
        function
        for function in functions(syntax(HOOKSPECS))
        if any(ast.unparse(mark).split("(")[0].endswith("hookspec") for mark in function.decorator_list)
    ]


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = function.args
    names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [argument.arg for argument in names if argument.arg != "self"]


def contract_version() -> str:
    for node in syntax(HOOKSPECS).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "CONTRACT_VERSION":
            value = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            return str(value)
    raise LookupError("nova_core/hookspecs.py has no CONTRACT_VERSION")


def rendered() -> str:
    """The contract's version and every signature with its marks, in the order of the file."""
    lines = [f"contract {contract_version()}", ""]
    for function in hookspecs():
        marks = " ".join(f"@{ast.unparse(mark)}" for mark in function.decorator_list)
        kind = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
        answer = ast.unparse(function.returns) if function.returns else "?"
        lines.append(f"{marks} {kind} {function.name}({ast.unparse(function.args)}) -> {answer}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(rendered(), encoding="utf-8")
