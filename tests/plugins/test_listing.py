"""What `nova plugins` shows."""

from __future__ import annotations

import importlib.metadata

from nova_core.plugins.discovery import COMMANDS, PLUGINS, PROVIDERS
from nova_core.plugins.listing import list_plugins
from nova_core.plugins.manager import Named, load_plugins

from .test_manager import HOOK, PROVIDER


def test_each_distribution_is_listed_in_each_of_its_states_with_names_and_mend(site):
    pack = {PROVIDERS: {"a": "list_pack:plugin", "b": "list_pack:plugin"}, COMMANDS: {"pack": "list_pack:cli"}}
    site.add("nova-plugin-pack", pack, {"list_pack": PROVIDER}, version="1.0")
    site.add("nova-plugin-tags", {PLUGINS: {"tags": "list_tags:plugin"}}, {"list_tags": HOOK}, version="2.0")
    site.add("nova-plugin-bad", {PLUGINS: {"bad": "list_bad:plugin"}}, {"list_bad": "1 / 0"}, version="3.0")
    site.add("nova-plugin-old", {PLUGINS: {"old": "list_old:plugin"}}, version="4.0", requires=["nova-core<0.1"])
    installed = site.discover()
    named = [Named("a", "provider"), Named("tags", "plugin"), Named("bad", "plugin"), Named("gone", "provider")]

    rows = list_plugins(installed, load_plugins(installed, named))

    shown = [(row.state, row.distribution, row.version, row.providers, row.plugins, row.commands) for row in rows]
    assert shown == [
        ("broken", "nova-plugin-bad", "3.0", (), ("bad",), ()),
        ("broken", "nova-plugin-old", "4.0", (), ("old",), ()),
        ("missing", "", "", ("gone",), (), ()),
        ("active", "nova-plugin-pack", "1.0", ("a",), (), ()),
        ("active", "nova-plugin-tags", "2.0", (), ("tags",), ()),
        ("installed", "nova-plugin-pack", "1.0", ("b",), (), ("pack",)),
    ]
    assert all(row.reason and row.mend for row in rows[:3])


def test_without_a_configuration_everything_is_merely_installed(site):
    entries = {PROVIDERS: {"a": "x:plugin"}, PLUGINS: {"a": "x:plugin"}}
    site.add("nova-plugin-a", entries)
    (row,) = list_plugins(site.discover())
    assert (row.state, row.providers, row.plugins, row.summary) == ("installed", ("a",), ("a",), "A test plugin")


def test_two_owners_of_a_name_are_one_broken_row_whether_named_or_not(site):
    for distribution in ("nova-plugin-a", "other-a"):
        site.add(distribution, {PROVIDERS: {"a": "x:plugin"}})
    installed = site.discover()
    for named in ([], [Named("a", "provider")]):
        (row,) = list_plugins(installed, load_plugins(installed, named))
        assert (row.state, row.distribution, row.providers) == ("broken", "nova-plugin-a and other-a", ("a",))
        assert row.mend == "pip uninstall nova-plugin-a or pip uninstall other-a"


def test_what_is_on_this_machine_can_be_listed():
    rows = list_plugins(load_everything())
    assert all(importlib.metadata.version(row.distribution) == row.version for row in rows if row.state == "installed")


def load_everything():
    from nova_core.plugins.discovery import discover

    return discover()
