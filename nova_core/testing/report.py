"""A pytest plugin that writes down which behaviours were seen: `-p nova_core.testing.report --nova-report FILE`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

OPTION = "--nova-report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The file that is written."""
    parser.addoption(OPTION, type=Path, help="write what was tested to this file, one JSON object a line")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to listen."""
    file = config.getoption(OPTION)
    if file is not None:
        config.pluginmanager.register(Reporter(file), "nova-report")


class Reporter:
    """Lines of `{"of", "provider", "behaviour", "outcome", "why"}`, a behaviour's parameters each by itself."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._items: dict[str, dict[str, str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note whose behaviour each test is."""
        for item in items:
            function = getattr(item, "originalname", None) or item.name
            about = {"behaviour": function.removeprefix("test_").replace("_", " ")}
            owner: Any = getattr(item, "cls", None)
            about["of"] = owner.__name__ if owner is not None else item.path.stem
            about["provider"] = getattr(owner, "provider", "")
            self._items[item.nodeid] = about

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One line a test: when it was called, or when that did not come to pass."""
        if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
            self._write({**self._items[report.nodeid], "outcome": report.outcome, "why": _why(report)})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """What could not even be collected."""
        if report.failed:
            whole = {"of": report.nodeid, "provider": "", "behaviour": "can be imported"}
            self._write({**whole, "outcome": "failed", "why": _last_line(report.longreprtext)})

    def _write(self, line: dict[str, str]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _why(report: pytest.TestReport) -> str:
    told = report.longrepr
    if isinstance(told, tuple):
        return str(told[2]).removeprefix("Skipped: ")
    crash = getattr(told, "reprcrash", None)
    return str(crash.message) if crash is not None else _last_line(report.longreprtext)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
