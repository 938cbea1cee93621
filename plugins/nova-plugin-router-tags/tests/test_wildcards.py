"""Wildcard names: order, anchoring, captures, and bare names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.types.deployment import Deployment
from nova_core.types.routing import Catalog
from nova_plugin_router_tags import RouterTags
from nova_plugin_router_tags.wildcards import LONGEST_NAME, by_specificity, first_match, pattern, resolve, substituted


def deployment(group: str, provider: str, model: str, id: str = "") -> Deployment:
    return Deployment(id=id or f"{group}>{provider}/{model}", group=group, provider=provider, model=model)


def catalog(*deployments: Deployment) -> Catalog:
    groups: dict[str, tuple[Deployment, ...]] = {}
    for each in deployments:
        groups[each.group] = (*groups.get(each.group, ()), each)
    return Catalog(groups=groups, by_id={each.id: each for each in deployments})


def served(name: str, *deployments: Deployment) -> list[str] | None:
    made = catalog(*deployments)
    found = resolve(made.groups, by_specificity(made.groups), name)
    return None if found is None else [f"{each.provider}/{each.model}" for each in found]


NOVA = deployment("remodlai/*", "remodlai", "*")


def test_a_wildcard_reaches_the_same_name_upstream():
    assert served("remodlai/nova-embeddings-code", NOVA) == ["remodlai/nova-embeddings-code"]
    assert served("other/nova", NOVA) is None


@pytest.mark.parametrize("name", ["xremodlai/nova", "remodlai", "REMODLAI/nova"])
def test_patterns_are_anchored_and_literal(name):
    assert served(name, NOVA) is None


def test_a_pattern_matches_up_to_the_end():
    assert served("openai/gpt-4ox", deployment("openai/gpt-4*x", "openai", "gpt-4*x")) == ["openai/gpt-4ox"]
    assert served("openai/gpt-4oxy", deployment("openai/gpt-4*x", "openai", "gpt-4*x")) is None
    assert served("a.b/c", deployment("a.b/*", "p", "*")) == ["p/c"]
    assert served("aXb/c", deployment("a.b/*", "p", "*")) is None


def test_the_most_specific_pattern_serves_whatever_the_order_of_the_file():
    rules = [
        deployment("*", "any", "*"),
        deployment("openai/*", "general", "*"),
        deployment("openai/gpt-*", "gpt", "*"),
    ]
    for order in (rules, rules[::-1]):
        assert served("openai/gpt-4o", *order) == ["gpt/4o"]
        assert served("openai/o3", *order) == ["general/o3"]
        assert served("unheard-of", *order) == ["any/unheard-of"]


def test_escaped_characters_make_a_pattern_longer():
    # `a-*` is five characters escaped plus the group, `ab*` only two and the group.
    assert [each.text for each in by_specificity(["ab*", "a-*", "*"])] == ["a-*", "ab*", "*"]


def test_equally_specific_patterns_keep_the_order_of_the_file():
    assert [each.text for each in by_specificity(["*ab", "ab*"])] == ["*ab", "ab*"]
    assert [each.text for each in by_specificity(["ab*", "*ab"])] == ["ab*", "*ab"]


def test_deployments_of_one_pattern_are_all_candidates():
    first, second = deployment("v/*", "one", "*", "a"), deployment("v/*", "two", "*", "b")
    assert served("v/m", first, second) == ["one/m", "two/m"]


@pytest.mark.parametrize(
    ("model", "captures", "name", "expected"),
    [
        ("fixed", ("x",), "v/x", "fixed"),
        ("*", ("x",), "v/x", "x"),
        ("eu.*-v*", ("claude", "2"), "a/claude/2", "eu.claude-v2"),
        ("*-and-*", ("x",), "v/x", "x-and-*"),
        ("*", ("x", "y"), "v/x/y", "v/x/y"),
    ],
)
def test_captures_fill_the_stars(model, captures, name, expected):
    assert substituted(model, captures, name) == expected


def test_more_captures_than_stars_sends_the_callers_name_without_the_providers_prefix():
    assert served("vendor/a/b", deployment("vendor/*/*", "vendor", "*")) == ["vendor/a/b"]


def test_a_bare_name_finds_its_vendors_pattern():
    openai = deployment("openai/*", "openai", "*")
    assert served("gpt-4o", openai) == ["openai/gpt-4o"]
    assert served("claude-sonnet", openai) is None
    assert served("llama-3", openai) is None


def test_a_catch_all_without_a_provider_takes_it_from_the_name():
    anything = deployment("*", "", "*")
    assert served("groq/llama-3", anything) == ["groq/llama-3"]
    assert served("gpt-4o", anything) == ["openai/gpt-4o"]
    assert served("nobody-knows", anything) is None


def test_a_name_of_absurd_length_matches_nothing():
    assert first_match(by_specificity(["a*b*c*d*"]), "a" * (LONGEST_NAME + 1)) is None


def test_the_hook_follows_a_new_catalog():
    router = RouterTags()
    old, new = catalog(NOVA), catalog(deployment("v/*", "v", "*"))
    assert router.resolve_model("remodlai/x", old) is not None
    assert router.resolve_model("remodlai/x", new) is None
    assert router.resolve_model("v/x", new) is not None


names = st.text(alphabet="ab*.-/", min_size=1, max_size=8)


@given(names, st.lists(st.text(alphabet="ab.-/", max_size=4), min_size=8, max_size=8))
def test_what_a_pattern_matches_is_its_text_with_the_captures_put_back(text, fillings):
    name = substituted(text, fillings[: text.count("*")], "") if "*" in text else text
    captures = pattern(text).captures(name)
    assert captures is not None
    assert len(captures) == text.count("*")
    assert substituted(text, captures, name) == name


@given(st.lists(names, max_size=6), st.text(alphabet="ab.-/", min_size=1, max_size=8))
def test_no_pattern_that_matches_is_more_specific_than_the_one_that_serves(texts, name):
    patterns = by_specificity(texts)
    found = first_match(patterns, name)
    matching = [each for each in patterns if each.captures(name) is not None]
    assert (found is None) == (not matching)
    if found:
        assert found[0].specificity == max(each.specificity for each in matching)
