"""What is installed is read from metadata; nothing of it is imported."""

from __future__ import annotations

from importlib.metadata import distributions

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from nova_core.plugins.discovery import COMMANDS, MODELS, PLUGINS, PROVIDERS, _plain_range, discover

from .conftest import Site


def test_finds_entry_points_of_all_groups_without_importing_them(site):
    provider, plugin, command = {"acme": "acme_mod:plugin"}, {"acme-tags": "acme_mod"}, {"acme": "acme_mod:cli"}
    groups = {PROVIDERS: provider, PLUGINS: plugin, COMMANDS: command}
    site.add("nova-plugin-acme", groups, {"acme_mod": "raise RuntimeError('imported')"})

    installed = site.discover()

    (provider,) = installed.owners(PROVIDERS, "acme")
    assert (provider.distribution, provider.version, provider.value) == ("nova-plugin-acme", "1.2.3", "acme_mod:plugin")
    assert provider.core_range == "<0.2,>=0.1"
    assert provider.summary == "A test plugin"
    assert installed.names(PLUGINS) == ("acme-tags",)
    assert [command.name for command in installed.commands] == ["acme"]
    assert installed.problems == ()
    assert site.imported() == set()


def test_looks_at_everything_on_the_path_by_default(site):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "acme_mod:plugin"}})
    assert discover().owners(PROVIDERS, "acme")


def test_leaves_other_distributions_alone(site):
    site.add("pytest-acme", {"pytest11": {"acme": "acme_mod"}, "nova": {"acme": "x:y"}})
    assert site.discover().plugins == ()


def test_two_owners_of_a_name_are_a_problem_that_names_both_and_the_mend(site):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "a:plugin"}})
    site.add("other-acme", {PROVIDERS: {"acme": "b:plugin"}, PLUGINS: {"acme": "b:plugin"}})

    (problem,) = site.discover().problems

    assert problem.distributions == ("nova-plugin-acme", "other-acme")
    assert problem.reason == "'acme' in nova.providers is claimed by nova-plugin-acme and other-acme"
    assert problem.mend == "pip uninstall nova-plugin-acme or pip uninstall other-acme"


def test_a_distribution_that_is_listed_twice_is_no_duplicate_and_the_first_one_counts(site, tmp_path):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "a:plugin"}}, version="2.0")
    older = Site(tmp_path / "older")
    older.add("Nova_Plugin.Acme", {PROVIDERS: {"acme": "a:plugin"}}, version="1.0")

    installed = discover(distributions(path=[str(site.folder), str(older.folder)]))

    assert [plugin.version for plugin in installed.plugins] == ["2.0"]
    assert installed.problems == ()


@pytest.mark.parametrize(
    ("requires", "stated"),
    [("nova-core>=0.2,<0.3", "<0.3,>=0.2"), ("nova_core (==99.*)", "==99.*"), ("Nova.Core<0.1", "<0.1")],
)
def test_a_range_that_excludes_this_core_is_reported_by_distribution(site, requires, stated):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "a:plugin"}}, requires=("numpy", requires))

    installed = site.discover()

    (problem,) = installed.problems
    assert problem.distributions == ("nova-plugin-acme",)
    assert problem.reason.startswith(f"it works with nova-core {stated}, and this is nova-core ")
    assert problem.mend == "pip install --upgrade nova-plugin-acme"
    assert installed.plugins[0].unusable == problem.reason


@pytest.mark.parametrize(
    "requires", ["nova-core", "nova-core-extras>=9", "nova-core>=9; extra == 'x'", "nova-core[dev]>=0.0.1"]
)
def test_a_range_that_says_nothing_against_this_core_is_fine(site, requires):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "a:plugin"}}, requires=(requires,))
    assert site.discover().problems == ()
    assert site.discover().plugins[0].unusable == ""


def test_a_requirement_that_cannot_be_read_is_reported_and_not_imported(site):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "a:plugin"}}, requires=("nova-core >>> 1",))
    (problem,) = site.discover().problems
    assert "'nova-core >>> 1', which is not a valid requirement" in problem.reason


@pytest.mark.parametrize("line", ["acme", "acme =", "acme = not a module", "= acme_mod:plugin"])
def test_a_malformed_entry_point_is_reported_and_the_others_of_the_file_stay(site, line):
    site.add("nova-plugin-acme", f"[nova.providers]\n# ours\n{line}\nfine = acme_mod:plugin\n")

    installed = site.discover()

    assert installed.names(PROVIDERS) == ("fine",)
    (problem,) = installed.problems
    assert problem.distributions == ("nova-plugin-acme",)
    assert "not module:attribute" in problem.reason


def test_an_entry_points_file_that_is_not_text_is_reported(site):
    site.add("nova-plugin-acme", {})
    next(site.folder.glob("*/entry_points.txt")).write_bytes(b"[nova.providers]\n\xff\xfe = x:y")
    (problem,) = site.discover().problems
    assert problem.distributions == ("nova-plugin-acme",)
    assert "not UTF-8" in problem.reason


def test_distributions_claim_model_names_and_the_most_specific_claim_counts(site):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "acme_mod:plugin"}, MODELS: {"rocket-*": "acme"}})
    site.add("nova-plugin-zeta", {PROVIDERS: {"zeta": "zeta_mod:plugin"}, MODELS: {"rocket-mini-*": "zeta"}})
    installed = site.discover()
    assert installed.provider_for("rocket-9") == "acme"
    assert installed.provider_for("rocket-mini-1") == "zeta"
    assert installed.provider_for("boat") is None
    assert MODELS not in {plugin.group for plugin in installed.plugins}


NUMBERS = st.lists(st.integers(0, 11), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))


@given(NUMBERS, NUMBERS, NUMBERS | st.sampled_from(["0.1.0.dev1", "1.0rc1", "2!1.0"]))
def test_a_plain_range_is_read_as_packaging_reads_it(below, least, version):
    requirement = Requirement(f"nova-core<{below},>={least}")
    inside = _plain_range(f"nova-core<{below},>={least}", version)
    if version.replace(".", "").isdecimal():
        assert bool(inside) == requirement.specifier.contains(version, prereleases=True)
    else:
        assert not inside
    assert not inside or inside == str(requirement.specifier)


@pytest.mark.parametrize("line", ["nova-core", "nova-core>=0.1", "nova-core<0.2,>=0.1; extra == 'x'", "nova-core==0.1"])
def test_other_ranges_are_no_plain_ones(line):
    assert not _plain_range(line, "0.1.0")
