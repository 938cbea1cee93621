"""Tag routing through the hook: any and all, marks, default, constraints, user agents, tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import AuthenticationError, BadRequestError, ConfigurationError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.principal import Principal
from nova_core.types.routing import Catalog, Snapshot
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_plugin_router_tags import RouterTags
from nova_plugin_router_tags.tags import Rules, choose, inside_task, wanted


@dataclass
class View:
    """A gateway as a plugin sees it."""

    settings: Mapping[str, Any]
    catalog: Catalog = field(default_factory=Catalog)


def deployment(id: str, *tags: str, **more: Any) -> Deployment:
    return Deployment(id=id, group="m", provider="p", model=id, tags=tags, **more)


EU, US, PLAIN = deployment("eu", "eu", "paid"), deployment("us", "us", "paid"), deployment("plain")
FALLBACK = deployment("fallback", "default")
ALL = (EU, US, PLAIN, FALLBACK)


def route(*tags: str, group=ALL, key: tuple[str, ...] = (), agent: str = "", task: str | None = None, **settings: Any):
    router = RouterTags()
    compat = {"tag_error_401": settings.pop("tag_error_401", False)}
    catalog = Catalog(groups={"m": tuple(group)}, by_id={each.id: each for each in group})
    router.startup(View({"router_settings": {"enable_tag_filtering": True, **settings}, "compat": compat}, catalog))
    request = Request("embedding", OPENAI_EMBEDDINGS, {"model": "m", "input": "x"})
    call = Call(request, tags=(*tags, *key), headers={"user-agent": agent}, principal=Principal("k", tags=key))
    call.selected_by_task = task
    chosen = router.route_select(call, tuple(group), Snapshot("m", 0.0, catalog))
    return None if chosen is None else [each.id for each in chosen], call


def chosen(*tags: str, **more: Any) -> list[str]:
    return route(*tags, **more)[0]


def test_one_shared_tag_is_enough():
    assert chosen("eu") == ["eu"]
    assert chosen("paid") == ["eu", "us"]
    assert chosen("eu", "us") == ["eu", "us"]
    assert chosen("eu", "unheard-of") == ["eu"]


def test_all_tags_are_needed_where_the_operator_says_so():
    assert chosen("eu", "paid", tag_filtering_match_any=False) == ["eu"]
    with pytest.raises(BadRequestError, match="fits the tags eu, us"):
        chosen("eu", "us", tag_filtering_match_any=False)


def test_a_call_without_tags_goes_to_default_and_without_one_to_all():
    assert chosen() == ["fallback"]
    assert chosen(group=(EU, US, PLAIN)) == ["eu", "us", "plain"]


def test_an_unknown_tag_goes_to_default_and_without_one_is_refused_with_the_tags_there_are():
    assert chosen("typo") == ["fallback"]
    with pytest.raises(BadRequestError, match=r"Tags of this model: eu, paid, us\.") as refused:
        chosen("typo", group=(EU, US))
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, "no_deployments_for_tags", "tags")


def test_the_old_status_is_a_compat_switch():
    with pytest.raises(AuthenticationError) as refused:
        chosen("typo", group=(EU, US), tag_error_401=True)
    assert refused.value.status == 401


def test_marks_exclude_and_require():
    assert chosen("!eu", "paid") == ["us"]
    assert chosen("&eu") == ["eu"]
    assert chosen("&paid") == ["eu", "us"]
    assert chosen("&paid", "us") == ["us"]
    assert chosen("!eu") == ["fallback"]
    assert chosen("!eu", group=(EU, US, PLAIN)) == ["us", "plain"]


def test_constraints_that_leave_nothing_are_refused_unless_the_group_fails_open():
    with pytest.raises(BadRequestError):
        chosen("&eu", "&us")
    open_group = (*ALL, deployment("lenient", info={"allow_fail_open": True}))
    assert chosen("&eu", "&us", group=open_group) == ["fallback"]
    assert chosen("&us", group=open_group, key=("&eu",)) == ["eu"]
    with pytest.raises(BadRequestError):
        chosen(group=open_group, key=("&eu", "&us"))


def test_a_declared_tag_is_never_sent_to_default():
    assert chosen("route:eu", tag_routing_prefix="route:") == ["eu"]
    assert chosen("route:!eu", "paid", tag_routing_prefix="route:") == ["us"]
    assert chosen("plain-tag", tag_routing_prefix="route:") == ["fallback"]
    with pytest.raises(BadRequestError):
        chosen("route:typo", tag_routing_prefix="route:")


def test_a_user_agent_chooses_where_tags_do_not():
    browser = deployment("browser", settings={"tag_regex": ["Mozilla", "^User-Agent: curl"]})
    group = (*ALL, browser)
    assert chosen(group=group, agent="Mozilla/5.0") == ["browser"]
    assert chosen(group=group, agent="curl/8") == ["browser"]
    assert chosen(group=group, agent="python") == ["fallback"]
    assert chosen("eu", group=group, agent="Mozilla/5.0") == ["eu"]
    assert chosen("typo", group=group, agent="Mozilla/5.0") == ["browser"]


def test_a_regular_expression_that_is_none_refuses_the_start():
    with pytest.raises(ConfigurationError, match="tag_regex"):
        chosen(group=(deployment("broken", settings={"tag_regex": "("}),))


def test_tags_do_nothing_unless_filtering_is_on_for_the_router_or_the_group():
    assert chosen("eu", enable_tag_filtering=False) is None
    switched = (EU, US, deployment("on", info={"enable_tag_filtering": True}))
    assert chosen("eu", group=switched, enable_tag_filtering=False) == ["eu"]


def test_inside_a_task_tags_choose_and_are_ignored_with_a_note_when_they_fit_nothing():
    assert chosen("eu", group=(EU, US), task="retrieval") == ["eu"]
    assert chosen(group=(EU, FALLBACK), task="retrieval") == ["eu", "fallback"]
    kept, call = route("code", group=(EU, US), task="retrieval")
    assert kept == ["eu", "us"]
    assert [note.what for note in call.notes] == ["ignored the tags code"]


def test_inside_a_task_the_tags_of_the_key_still_bind():
    assert chosen("code", group=(EU, US), task="retrieval", key=("!us",)) == ["eu"]
    with pytest.raises(BadRequestError):
        chosen(group=(US,), task="retrieval", key=("!us",))


tag_names = st.sampled_from(["a", "b", "c", "default"])
groups = st.lists(st.lists(tag_names, unique=True, max_size=3), min_size=1, max_size=5).map(
    lambda lists: tuple(deployment(str(place), *tags) for place, tags in enumerate(lists))
)
requested = st.lists(st.tuples(st.sampled_from(["", "!", "&"]), st.sampled_from("abcx")).map("".join), max_size=4)
rules = st.builds(Rules, match_any=st.booleans())


@given(requested, groups, rules)
def test_whatever_is_chosen_obeys_every_constraint(tags, group, rule):
    asked = wanted(tags)
    choice = choose(asked, group, group, rule)
    if choice.chosen is not None:
        assert choice.chosen
        assert all(each in group for each in choice.chosen)
        for each in choice.chosen:
            assert asked.excluded.isdisjoint(each.tags)
            assert asked.required <= set(each.tags)


@given(requested, groups, rules)
def test_positive_tags_choose_exactly_those_that_share_them(tags, group, rule):
    asked = wanted(tags)
    sharing = [
        each
        for each in group
        if asked.allows(each)
        and (set(asked.positive) & set(each.tags) if rule.match_any else set(asked.positive) <= set(each.tags))
    ]
    if asked.positive and sharing:
        assert list(choose(asked, group, group, rule).chosen or ()) == sharing
        assert list(inside_task(asked, group, rule)) == sharing
