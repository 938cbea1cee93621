"""Which groups follow a group that failed: by the kind of its error, bounded, each once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import (
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    InternalServerError,
    NovaError,
)
from nova_core.gateway.fallbacks import FallbackPlan
from nova_core.gateway.options import take_options
from nova_core.gateway.policy import Policy
from nova_core.types.call import Call, CallOptions
from nova_core.types.message import Request
from nova_core.types.principal import ANONYMOUS, Principal
from nova_core.wire.openai_chat import OPENAI_CHAT

DOWN = InternalServerError("down")
TOO_LONG = ContextWindowExceededError("too long")
REFUSED = ContentPolicyViolationError("no")
NAMES = [f"g{number}" for number in range(6)]
TARGETS = st.dictionaries(
    st.sampled_from([*NAMES, "*"]), st.lists(st.sampled_from([*NAMES, "alias"]), max_size=4).map(tuple), max_size=7
)


def new_call(principal: Principal = ANONYMOUS, **options: object) -> Call:
    request = Request("chat", OPENAI_CHAT, {"model": "g0", "messages": []})
    return Call(request, principal=principal, options=CallOptions(**options))  # type: ignore[arg-type]


def asked(call: Call, policy: Policy, *errors: NovaError, first: str = "g0", **plan: object) -> list[str]:
    """The groups that are tried when they fail with these errors in turn, the last one from then on."""
    plan_of = FallbackPlan(call, policy, first=first, **plan)  # type: ignore[arg-type]
    found, number = [first], 0
    while (name := plan_of.after(errors[min(number, len(errors) - 1)])) is not None:
        assert plan_of.current == name
        found.append(name)
        number += 1
    return found


@given(
    general=TARGETS,
    window=TARGETS,
    content=TARGETS,
    errors=st.lists(st.sampled_from([DOWN, TOO_LONG, REFUSED, BadRequestError("x")]), min_size=1, max_size=8),
    most=st.integers(0, 8),
    allowed=st.sets(st.sampled_from(NAMES)),
)
def test_any_graph_ends_and_no_group_is_tried_twice(
    general: dict[str, tuple[str, ...]],
    window: dict[str, tuple[str, ...]],
    content: dict[str, tuple[str, ...]],
    errors: list[NovaError],
    most: int,
    allowed: set[str],
) -> None:
    policy = Policy(
        fallbacks=general, context_window_fallbacks=window, content_policy_fallbacks=content, max_fallbacks=most
    )
    principal = Principal(id="k", models=("g0", "alias", *sorted(allowed)))
    groups = asked(new_call(principal), policy, *errors, aliases={"alias": "g3"})
    real = ["g3" if name == "alias" else name for name in groups]
    assert len(set(real)) == len(real) <= most + 1
    assert all(principal.may_call(name) for name in groups)


@given(general=TARGETS, most=st.integers(0, 6))
def test_what_is_said_to_follow_does_follow(general: dict[str, tuple[str, ...]], most: int) -> None:
    plan = FallbackPlan(new_call(), Policy(fallbacks=general, max_fallbacks=most), first="g0")
    while True:
        foretold = plan.follows(DOWN)
        assert (plan.after(DOWN) is not None) is foretold
        if not foretold:
            return


def test_an_error_takes_the_fallbacks_of_its_kind() -> None:
    policy = Policy(
        fallbacks={"g0": ("g1",)}, context_window_fallbacks={"g0": ("g2",)}, content_policy_fallbacks={"g0": ("g3",)}
    )
    assert asked(new_call(), policy, DOWN) == ["g0", "g1"]
    assert asked(new_call(), policy, TOO_LONG) == ["g0", "g2"]
    assert asked(new_call(), policy, REFUSED) == ["g0", "g3"]


def test_a_group_without_fallbacks_of_the_kind_takes_the_general_ones_unless_old_behaviour_is_asked_for() -> None:
    given = {"fallbacks": {"g0": ("g1",)}, "context_window_fallbacks": {"g5": ("g2",)}}
    assert asked(new_call(), Policy(**given), TOO_LONG) == ["g0", "g1"]
    assert asked(new_call(), Policy(**given, special_fallbacks_only=True), TOO_LONG) == ["g0"]
    assert asked(new_call(), Policy(fallbacks={"g0": ("g1",)}, special_fallbacks_only=True), TOO_LONG) == ["g0", "g1"]


def test_each_group_takes_those_of_its_own_error() -> None:
    policy = Policy(fallbacks={"g1": ("g4",)}, context_window_fallbacks={"g0": ("g1", "g2")})
    assert asked(new_call(), policy, TOO_LONG, DOWN) == ["g0", "g1", "g4", "g2"]


def test_a_group_is_found_by_its_alias_and_with_or_without_a_prefix() -> None:
    def follower(key: str, first: str, **plan: object) -> list[str]:
        return asked(new_call(), Policy(fallbacks={key: ("g1",), "*": ("g9",)}), DOWN, first=first, **plan)[1:2]

    assert follower("group", "alias", aliases={"alias": "group"}) == ["g1"]
    assert follower("gpt", "vendor/gpt") == ["g1"]
    assert follower("vendor/gpt", "gpt") == ["g1"]
    assert follower("other", "gpt") == ["g9"]


def test_the_callers_lists_go_before_the_configured_ones_for_the_first_group() -> None:
    policy = Policy(fallbacks={"g0": ("g1",), "g2": ("g3",)}, context_window_fallbacks={"g0": ("g4",)})
    assert asked(new_call(fallbacks=("g2",)), policy, DOWN) == ["g0", "g2", "g3"]
    assert asked(new_call(context_window_fallbacks={"*": ("g5",)}), policy, TOO_LONG) == ["g0", "g5"]
    assert asked(new_call(context_window_fallbacks={"g0": ("g5",)}), policy, DOWN) == ["g0", "g1"]


def test_callers_write_fallbacks_as_names_objects_and_mappings() -> None:
    members = {
        "fallbacks": ["g1", {"model": "g2", "temperature": 0}],
        "context_window_fallbacks": [{"g0": ["big"]}],
        "content_policy_fallbacks": ["mild"],
    }
    left, options, _ = take_options(members, {}, dialect="openai_chat")
    assert not left
    assert options.fallbacks == ("g1", "g2") and options.fallback_members == {"g2": {"temperature": 0}}
    assert options.context_window_fallbacks == {"g0": ("big",)}
    assert options.content_policy_fallbacks == {"*": ("mild",)}
    assert take_options({"context_window_fallback_dict": {"g0": "big"}}, {}, dialect="openai_chat")[
        1
    ].context_window_fallbacks == {"g0": ("big",)}
