"""`include:` merges files by the rules of the file format it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.config import ConfigError, check_keys, load, loads, read_settings

NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.one_of(
    st.integers(), st.booleans(), st.lists(st.integers(), max_size=3), st.dictionaries(NAMES, st.integers(), max_size=2)
)
FILES = st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), min_size=1, max_size=4)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "root.yaml"


@given(FILES)
def test_lists_are_joined_base_first_and_any_other_key_is_taken_from_the_included_file(files):
    base, *included = files
    expected = dict(base)
    for other in included:
        for key, value in other.items():
            both = isinstance(expected.get(key), list) and isinstance(value, list)
            expected[key] = expected[key] + value if both else value
    with TemporaryDirectory() as name:
        folder = Path(name)
        for index, other in enumerate(included):
            (folder / f"{index}.yaml").write_text(json.dumps(other), encoding="utf-8")
        root = folder / "root.yaml"
        root.write_text(json.dumps(base | {"include": [f"{index}.yaml" for index in range(len(included))]}))
        loaded = load(root, environ={})
    assert loaded.raw == expected


def test_positions_follow_the_items_of_joined_lists(tmp_path):
    root = write(
        tmp_path,
        root="include: [more.yaml]\nmodel_list:\n  - model_name: a\n    params: {model: p/a}\n",
        more="\nmodel_list:\n  - model_name: b\n    params:\n      model: p/b\n      timeout: soon\n",
    )
    loaded = load(root, environ={})
    with pytest.raises(ConfigError) as caught:
        read_settings(loaded)
    [problem] = caught.value.problems
    assert problem.render() == (f"{tmp_path / 'more.yaml'}:6: error: `model_list[1].params.timeout` must be a number")
    assert problem.column == 7


def test_an_include_is_relative_to_the_file_that_declares_it(tmp_path):
    root = write(tmp_path, root="include: [sub/one.yaml]\n", **{
        "sub/one": "include: [two.yaml]\nx-one: 1\n", "sub/two": "x-two: 2\n",
    })  # fmt: skip
    loaded = load(root, environ={})
    assert loaded.raw == {"x-one": 1, "x-two": 2}
    assert loaded.files == (root, tmp_path / "sub/one.yaml", tmp_path / "sub/two.yaml")
    assert loaded.problems == ()


def test_a_file_found_only_beside_the_root_is_read_with_a_warning(tmp_path):
    root = write(tmp_path, root="include: [sub/one.yaml]\n", two="x-two: 2\n", **{"sub/one": "include: [two.yaml]\n"})
    loaded = load(root, environ={})
    assert loaded.raw == {"x-two": 2}
    [problem] = loaded.problems
    assert (problem.severity, problem.code, problem.line) == ("warning", "include-folder", 1)
    assert problem.file == str(tmp_path / "sub/one.yaml")


def test_each_file_is_read_once_even_when_files_include_each_other(tmp_path):
    root = write(
        tmp_path,
        root="include: [one.yaml, two.yaml]\nx-list: [0]\n",
        one="include: [two.yaml, root.yaml]\nx-list: [1]\n",
        two="include: [one.yaml]\nx-list: [2]\n",
    )
    assert load(root, environ={}).raw == {"x-list": [0, 1, 2]}


@pytest.mark.parametrize(
    ("include", "code"),
    [("one.yaml", "include"), ("[1]", "include"), ("{a: b}", "include"), ("[missing.yaml]", "include-missing"),
     ("[list.yaml]", "not-a-mapping"), ("[empty.yaml]", "empty-file")],
)  # fmt: skip
def test_a_wrong_include_is_an_error_at_its_line(tmp_path, include, code):
    root = write(tmp_path, root=f"x-a: 1\ninclude: {include}\n", list="- 1\n", empty="# nothing\n")
    with pytest.raises(ConfigError) as caught:
        load(root, environ={})
    [problem] = caught.value.problems
    assert (problem.code, problem.file, problem.line) == (code, str(root), 2)


def test_a_section_lost_to_an_included_file_is_named(tmp_path):
    root = write(
        tmp_path,
        root="include: [one.yaml]\ngeneral_settings: {master_key: sk-a, root_path: /x}\n",
        one="general_settings: {root_path: /y}\n",
    )
    [problem] = check_keys(load(root, environ={}))
    assert problem.code == "include-overwrites"
    assert "master_key" in problem.message
    assert "sk-a" not in problem.message


def test_a_text_can_include_files_of_a_given_folder(tmp_path):
    write(tmp_path, one="x-a: 1\n")
    assert loads("include: [one.yaml]", folder=tmp_path, environ={}).raw == {"x-a": 1}
