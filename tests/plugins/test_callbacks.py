"""Dotted callback paths: files beside the configuration first, then what is installed."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from nova_core.plugins.discovery import Installed
from nova_core.plugins.manager import Loaded, Named, load_plugins

from .test_manager import HOOK


@pytest.fixture
def beside(tmp_path: Path):
    before = set(sys.modules)
    folder = tmp_path / "etc"
    folder.mkdir()
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(folder: Path, name: str, source: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(source))


def load(dotted: str, folder: Path | None) -> Loaded:
    return load_plugins(Installed(), [Named(dotted, "callback", "callbacks")], base_dir=folder)


def answer_of(loaded: Loaded) -> object:
    (active,) = loaded.active
    return active.impls["pre_call"].step.call(None, None)


def test_an_object_in_a_file_beside_the_configuration_is_a_plugin_and_the_path_stays_as_it_was(beside):
    write(beside, "my_callbacks.py", HOOK)
    path = list(sys.path)

    loaded = load("my_callbacks.plugin", beside)

    assert loaded.broken == ()
    assert (loaded.active[0].name, loaded.active[0].kind) == ("my_callbacks.plugin", "callback")
    assert sys.path == path


def test_such_a_file_may_import_its_neighbours_and_use_dataclasses(beside):
    write(beside, "my_words.py", "WORD = 'hello'")
    source = HOOK.replace("return None", "return Said(my_words.WORD)")
    source = "from __future__ import annotations\nimport dataclasses, my_words\n" + textwrap.dedent(source)
    write(beside, "my_callbacks.py", source + "\n@dataclasses.dataclass\nclass Said:\n    word: str\n")
    assert answer_of(load("my_callbacks.plugin", beside)).word == "hello"


def test_a_package_beside_the_configuration_may_import_relatively(beside):
    write(beside, "house/__init__.py", "")
    write(beside, "house/words.py", "WORD = 'hi'")
    source = textwrap.dedent(HOOK).replace("return None", "return WORD")
    write(beside, "house/hooks.py", "from .words import WORD\n" + source)
    assert answer_of(load("house.hooks.plugin", beside)) == "hi"


def test_a_changed_file_is_read_again_at_the_next_load(beside):
    write(beside, "my_callbacks.py", HOOK.replace("return None", "return 'old'"))
    old = load("my_callbacks.plugin", beside)
    write(beside, "my_callbacks.py", HOOK.replace("return None", "return 'newer'"))
    assert answer_of(load("my_callbacks.plugin", beside)) == "newer"
    assert answer_of(old) == "old"


def test_a_file_with_the_name_of_an_imported_module_does_not_replace_that_module(beside):
    write(beside, "json.py", HOOK.replace("return None", "return 'mine'"))
    import json

    assert answer_of(load("json.plugin", beside)) == "mine"
    assert sys.modules["json"] is json


def test_an_installed_module_is_used_when_there_is_no_file(site, beside):
    write(site.folder, "installed_callbacks.py", HOOK)
    for folder in (beside, None):
        assert load("installed_callbacks.plugin", folder).broken == ()


def test_a_callback_object_of_another_gateway_is_reported_as_not_supported_yet(beside):
    source = """
        class Handler:
            async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
                return data

        handler = Handler()
    """
    write(beside, "my_callbacks.py", source)
    for attribute in ("handler", "Handler"):
        (broken,) = load(f"my_callbacks.{attribute}", beside).broken
        assert broken.reason == "it is a callback object (async_pre_call_hook); these are not supported yet"
        assert broken.mend == "change my_callbacks (hooks are methods marked with nova_core.hookimpl)"
        assert not broken.missing


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('no')", "it cannot be imported: ValueError: no (my_callbacks.py:1)"),
        ("import gone_module", "it cannot be imported: ModuleNotFoundError: No module named 'gone_module'"),
        (
            "from json import gone",
            "it cannot be imported: ImportError: cannot import name 'gone' from 'json' (my_callbacks.py:1)",
        ),
        ("", "it cannot be imported: ImportError: module 'my_callbacks' has no 'plugin'"),
        ("def plugin(kwargs): ...", "the function object implements no hook"),
    ],
)
def test_a_file_that_does_not_work_is_reported_and_leaves_no_half_module(beside, source, reason):
    write(beside, "my_callbacks.py", source)
    path = list(sys.path)
    (broken,) = load("my_callbacks.plugin", beside).broken
    assert reason in broken.reason
    assert not broken.missing
    assert sys.path == path
    assert ("my_callbacks" in sys.modules) is (source == "" or source.startswith("def"))


def test_a_path_that_leads_nowhere_is_missing(beside):
    (broken,) = load("my_callbacks.plugin", beside).broken
    assert broken.missing
    assert broken.mend.startswith("put my_callbacks.py beside the configuration")


@pytest.mark.parametrize("dotted", ["..evil.plugin", "a/../b.plugin", ".plugin", "a..b"])
def test_a_path_cannot_leave_the_folder(beside, dotted):
    write(beside.parent, "evil.py", "raise SystemExit('ran')")
    (broken,) = load(dotted, beside).broken
    assert "ran" not in broken.reason
