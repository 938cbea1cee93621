"""Values kept outside the file are found everywhere, and what is missing is recorded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.config import ConfigError, check_keys, loads, read_settings
from nova_core.config.secrets import Resolver

NAMES = st.sampled_from(["HOST", "KEY", "FLAG", "GONE"])
ENVIRON = {"HOST": "example.test", "KEY": "k-123", "FLAG": "True"}
EXPECTED = {"HOST": "example.test", "KEY": "k-123", "FLAG": True, "GONE": None}
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from(["", "text", "x os.environ/HOST", "$HOME"]))
REFERENCE = NAMES.map(lambda name: f"os.environ/{name}")
TREES = st.recursive(
    PLAIN | REFERENCE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def expected(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: expected(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expected(item) for item in value]
    if isinstance(value, str) and value.startswith("os.environ/"):
        return EXPECTED[value.removeprefix("os.environ/")]
    return value


def references(value: Any, path: tuple = ()) -> list[tuple]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in references(item, (*path, key))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in references(item, (*path, index))]
    return [path] if value == "os.environ/GONE" else []


@given(TREES)
def test_a_variable_is_found_at_any_depth_in_mappings_and_lists(tree):
    resolver = Resolver(ENVIRON, Path(), lambda path: None)
    assert resolver.resolve(tree) == expected(tree)
    assert [lost.path for lost in resolver.unresolved] == references(tree)
    assert {lost.name for lost in resolver.unresolved} <= {"GONE"}


def test_the_file_sets_variables_before_other_values_are_looked_up():
    loaded = loads(
        """
environment_variables: {BASE: os.environ/OUTER, FLAG: true, LEVEL: 3, GONE: os.environ/NOWHERE}
x-a: os.environ/BASE
x-b: [os.environ/LEVEL, os.environ/FLAG]
""",
        environ={"OUTER": "http://inner", "BASE": "overridden"},
    )
    assert loaded.raw["x-a"] == "http://inner"
    assert loaded.raw["x-b"] == ["3", True]
    assert loaded.environment == {"BASE": "http://inner", "FLAG": "true", "LEVEL": "3"}


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "no_proxy", "HOME", "PYTHONPATH"])
def test_a_file_cannot_set_variables_that_change_what_runs(name):
    loaded = loads(f"environment_variables:\n  {name}: /evil\n", environ={})
    assert loaded.environment == {}
    [problem] = check_keys(loaded)
    assert (problem.code, problem.severity, problem.line) == ("blocked-variable", "warning", 2)


@pytest.mark.parametrize("head", ["nova_settings: {}", "model_list: [{model_name: a, params: {model: p/a}}]"])
def test_braces_are_expanded_in_files_with_nova_sections(head):
    text = head + "\nx-a: ${HOST}\nx-b: http://${HOST}:${PORT:-80}/v1\nx-c: $${HOST}\nx-d: ${FLAG}\nx-e: $HOST\n"
    raw = loads(text, environ={"HOST": "h", "FLAG": "true"}).raw
    assert [raw[f"x-{key}"] for key in "abcde"] == ["h", "http://h:80/v1", "${HOST}", True, "$HOST"]


def test_braces_stay_in_other_files_and_a_lone_one_is_warned_about():
    loaded = loads("litellm_settings: {}\nx-a: ${HOST}\nx-b: costs ${HOST}\n", environ={"HOST": "h"})
    assert loaded.raw["x-a"] == "${HOST}"
    assert loaded.raw["x-b"] == "costs ${HOST}"
    [problem] = check_keys(loaded)
    assert (problem.code, problem.line) == ("braces-kept", 2)


def test_braces_without_a_value_make_the_whole_value_null():
    loaded = loads("nova_settings: {}\nx-a: http://${HOST}/v1\n", environ={})
    assert loaded.raw["x-a"] is None
    assert [(lost.name, lost.path) for lost in loaded.unresolved] == [("HOST", ("x-a",))]


def test_only_the_file_with_nova_sections_expands_braces(tmp_path):
    (tmp_path / "old.yaml").write_text("x-old: a ${HOST}\n")
    loaded = loads("include: [old.yaml]\nnova_settings: {}\nx-new: a ${HOST}\n", folder=tmp_path, environ={"HOST": "h"})
    assert loaded.raw["x-new"] == "a h"
    assert loaded.raw["x-old"] == "a ${HOST}"


def test_a_secret_can_be_a_file(tmp_path):
    (tmp_path / "key").write_text("s3cret\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xfa")
    text = f"x-a: os.file/key\nx-b: os.file/{tmp_path}/key\nx-c: [os.file/none, os.file/binary]\n"
    loaded = loads(text, folder=tmp_path, environ={})
    assert loaded.raw == {"x-a": "s3cret", "x-b": "s3cret", "x-c": [None, None]}
    assert [(lost.name, lost.kind) for lost in loaded.unresolved] == [("none", "file"), ("binary", "file")]


@pytest.mark.parametrize(
    "where", ["master_key: os.environ/GONE", "keys: [os.environ/GONE]", "keys: [{key: os.environ/GONE}]"]
)
def test_a_key_of_the_gateway_that_is_not_found_stops_the_start(where):
    loaded = loads(f"general_settings:\n  {where}\n", environ={})
    with pytest.raises(ConfigError) as caught:
        read_settings(loaded)
    assert ("unresolved", 2) in [(problem.code, problem.line) for problem in caught.value.problems]


def test_the_nearest_variable_is_suggested():
    [problem] = check_keys(loads("x-a: os.environ/REMODLAI_API_KEY", environ={"REMODL_AI_API_KEY": "secret-value"}))
    assert problem.hint == "did you mean `REMODL_AI_API_KEY`?"
    assert "secret-value" not in problem.render()


def test_the_process_environment_is_the_default_and_is_not_changed(monkeypatch):
    monkeypatch.setenv("NOVA_TEST_VALUE", "seen")
    monkeypatch.delenv("NOVA_TEST_OTHER", raising=False)
    loaded = loads("environment_variables: {NOVA_TEST_OTHER: x}\nx-a: os.environ/NOVA_TEST_VALUE\n")
    assert loaded.raw["x-a"] == "seen"
    assert "NOVA_TEST_OTHER" not in os.environ
