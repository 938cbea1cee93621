"""The table of router settings in the documentation names tests that exist, and every setting that is honoured."""

from __future__ import annotations

import re

from nova_core.config.sections import RouterSettings
from tests.house.tree import ROOT

ROUTING = ROOT / "docs" / "routing.md"
ROW = re.compile(r"^\|(?P<setting>[^|]+)\|.*\| `(?P<file>[\w/.-]+\.py)::(?P<name>test_\w+)` \|$")


def rows() -> list[re.Match[str]]:
    table = ROUTING.read_text(encoding="utf-8").split("\n## Settings\n")[1]
    lines = [line for line in table.splitlines() if line.startswith("| ") and "::test_" in line]
    found = [ROW.match(line) for line in lines]
    assert all(found), [line for line, row in zip(lines, found, strict=True) if row is None]
    return [row for row in found if row is not None]


def test_every_row_names_a_test_that_exists() -> None:
    missing = []
    for row in rows():
        places = [path for folder in ("tests", "plugins") for path in (ROOT / folder).rglob(row["file"])]
        if not any(f"def {row['name']}(" in path.read_text(encoding="utf-8") for path in places):
            missing.append(f"{row['file']}::{row['name']}")
    assert missing == [] and len(rows()) > 20


def test_the_settings_of_failing_calls_all_have_a_row() -> None:
    named = set(re.findall(r"`(\w+)`", " ".join(row["setting"] for row in rows())))
    words = ("retr", "fallback", "fail", "cooldown", "timeout", "attempts", "parallel", "limit", "hedg", "continuation")
    expected = {name for name in RouterSettings.model_fields if any(word in name for word in words)}
    assert expected - named == set()
