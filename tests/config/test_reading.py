"""YAML is read strictly, and every finding has its line."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nova_core.config import ConfigError, Position, check_keys, load, loads, read_settings

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
    .filter(lambda text: not text.startswith("os.file/")),
)  # fmt: skip
KEYS = st.from_regex(r"[a-z_][a-z0-9_ .-]{0,7}", fullmatch=True).map(str.strip).filter(bool)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)


@given(st.dictionaries(KEYS.filter(lambda key: key not in {"include", "environment_variables"}), TREES, min_size=1))
def test_values_are_those_of_the_yaml_library(tree):
    text = yaml.safe_dump(tree, allow_unicode=True)
    assert loads(text, environ={"": ""}).raw == tree


@given(st.dictionaries(KEYS, st.integers(), min_size=1, max_size=6), st.integers(0, 5))
def test_the_position_of_a_key_is_where_it_stands(tree, blank):
    text = "\n" * blank + "x-top:\n" + "".join(f"    {json.dumps(key)}: {value}\n" for key, value in tree.items())
    loaded = loads(text, "f.yaml", environ={})
    for index, key in enumerate(tree):
        assert loaded.positions["x-top", key] == Position("f.yaml", blank + 2 + index, 5)


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "empty-file", 1),
        ("# only a comment\n", "empty-file", 1),
        ("- a\n- b\n", "not-a-mapping", 1),
        ("a: 1\nb: [1, 2\nc: 3\n", "yaml-syntax", 3),
        ("a: 1\n\tb: 2\n", "yaml-syntax", 2),
        ("a: *nowhere\n", "yaml-syntax", 1),
        ("a: 1\n---\nb: 2\n", "yaml-syntax", 2),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "yaml-tag", 2),
        ("a: 1\nb: !secret x\n", "yaml-tag", 2),
        ("a: 1\nb: !!int abc\n", "yaml-value", 2),
        ("a: 1\n? [x]\n: 2\n", "yaml-key", 2),
        ("a: &a [1, *a]\n", "yaml-alias", 1),
        ("a: \x01\n", "yaml-syntax", 1),
    ],
)
def test_what_is_not_a_configuration_is_refused_with_its_line(text, code, line):
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.yaml", environ={})
    [problem] = caught.value.problems
    assert (problem.code, problem.file, problem.line) == (code, "f.yaml", line)


def test_a_syntax_error_does_not_quote_the_line():
    with pytest.raises(ConfigError) as caught:
        loads("api_key: sk-very-secret: x\n", environ={})
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("depth", [150, 5000])
def test_endless_nesting_is_refused(depth):
    with pytest.raises(ConfigError) as caught:
        loads("a: " + "[" * depth + "]" * depth, environ={})
    assert caught.value.problems[0].code == "yaml-depth"


def test_aliases_that_multiply_are_refused():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError) as caught:
        loads("\n".join(levels), environ={})
    assert caught.value.problems[0].code == "yaml-size"


def test_a_missing_file_and_a_file_that_is_not_text_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "bad.yaml")


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "bom.yaml").write_bytes("\ufeffx-a: 1\n".encode())
    assert load(tmp_path / "bom.yaml").raw == {"x-a": 1}


def test_a_key_written_twice_with_two_values_stops_the_start():
    loaded = loads(
        "general_settings:\n  master_key: sk-one\n  root_path: /a\n  master_key: sk-two\n", "f.yaml", environ={}
    )
    [problem] = check_keys(loaded)
    assert problem.render() == (
        "f.yaml:4: error: `general_settings.master_key` is written twice, first at line 2 (keep one)"
    )
    with pytest.raises(ConfigError):
        read_settings(loaded)


def test_a_key_written_twice_with_one_value_is_a_warning():
    loaded = loads("router_settings: {num_retries: 1, num_retries: 1}", environ={})
    assert [(problem.severity, problem.code) for problem in check_keys(loaded)] == [("warning", "duplicate-key")]
    assert read_settings(loaded).router.num_retries == 1


def test_keys_are_text_and_dates_stay_text():
    raw = loads("on: 1\n400: a\nx-date: 2024-02-01\nx-id: 0e1\n", environ={}).raw
    assert raw == {"on": 1, "400": "a", "x-date": "2024-02-01", "x-id": "0e1"}
