"""The schema that editors use accepts what the loader accepts, and is published as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from nova_core.config.json_schema import config_json_schema

FILES = Path(__file__).parent / "files"
PUBLISHED = Path(__file__).parents[2] / "docs" / "config.schema.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = config_json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", ["nova.yaml", "large.yaml"])
def test_files_that_load_are_valid(validator, name):
    # Read without the date type, as the loader does.
    data = json.loads(json.dumps(yaml.safe_load((FILES / name).read_text()), default=str))
    assert [error.message for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize("spelling", ["nova_settings", "litellm_settings"])
def test_both_spellings_are_described(validator, spelling):
    assert list(validator.iter_errors({spelling: {"drop_params": ["x"]}}))
    assert not list(validator.iter_errors({spelling: {"drop_params": True, "num_retries": "os.environ/N"}}))


@pytest.mark.parametrize(
    "data",
    [
        {"model_list": [{"model_name": "a"}]},
        {"model_list": [{"model_name": "a", "params": {"api_base": "x"}}]},
        {"model_list": [{"model_name": "a", "litellm_params": {"api_base": "x"}}]},
        {"model_list": {"a": "b"}},
        {"general_settings": {"limits": {"boddy_mb": 1}}},
        {"router_settings": {"fallbacks": [{"a": ["b"], "c": ["d"]}]}},
    ],
)
def test_mistakes_are_seen_while_typing(validator, data):
    assert list(validator.iter_errors(data))


def test_keys_without_effect_are_described_as_such():
    properties = config_json_schema()["$defs"]["GeneralSettings"]["properties"]
    assert "no effect" in properties["database_url"]["description"]
    assert "refuses to start" in properties["custom_auth"]["description"]
    assert properties["master_key"]["description"]


def test_the_published_schema_is_current():
    printed = subprocess.run(
        [sys.executable, "-m", "nova_core.config.json_schema"], capture_output=True, text=True, check=True
    ).stdout
    assert PUBLISHED.read_text(encoding="utf-8") == printed, (
        "python -m nova_core.config.json_schema > docs/config.schema.json"
    )
