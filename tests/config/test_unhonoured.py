"""Settings of the de-facto standard that this router does not have: said at start, never taken for something else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from nova_core.config.check import read_settings
from nova_core.config.loader import loads
from nova_core.gateway.runtime import build_runtime
from tests.house.tree import ROOT

HERE = "test_unhonoured.py::"


def unhonoured() -> list[str]:
    """The settings of the rows of the documentation that name the test below."""
    table = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8").split("\n## Settings\n")[1]
    return [name for row in table.splitlines() if HERE in row for name in re.findall(r"`([\w.]+)`", row.split("|")[1])]


@pytest.mark.parametrize("setting", unhonoured())
def test_each_of_these_settings_is_listed_at_start_and_never_sent(setting: str) -> None:
    entry: dict[str, Any] = {"model_name": "m", "litellm_params": {"model": "echo/any"}, "model_info": {}}
    config: dict[str, Any] = {"model_list": [entry], "router_settings": {}}
    section, _, key = setting.rpartition(".")
    place = {"": config["router_settings"], "params": entry["litellm_params"], "model_info": entry["model_info"]}
    place[section][key] = 1
    settings = read_settings(loads(json.dumps(config)))
    assert key in {path[-1] for path in settings.unsupported}
    (deployment,) = build_runtime(settings, environ={}).catalog.groups["m"]
    assert key not in deployment.defaults


def test_there_are_such_settings() -> None:
    assert len(unhonoured()) > 30
