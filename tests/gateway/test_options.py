"""What is taken out of a request before it goes upstream, and what callers cannot do."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadRequestError
from nova_core.gateway.options import CONTROLS, OVERRIDES, take_options
from nova_core.types.message import plain

CHAT = "openai_chat"


def taken(body: dict[str, object], headers: dict[str, str] | None = None, dialect: str = CHAT):  # type: ignore[no-untyped-def]
    members = msgspec.json.decode(msgspec.json.encode(body), type=dict[str, msgspec.Raw])
    rest, options, tags = take_options(members, headers or {}, dialect=dialect)
    return plain(rest), options, tags


def test_unknown_members_stay_and_own_members_go() -> None:
    rest, options, _ = taken({"model": "m", "frobnicate": 1, "num_retries": 3, "timeout": "2.5", "fallbacks": ["b"]})
    assert rest == {"model": "m", "frobnicate": 1}
    assert (options.num_retries, options.timeout, options.fallbacks) == (3, 2.5, ("b",))


def test_the_bodys_tags_replace_the_headers() -> None:
    header = {"x-nova-tags": "h1, h2"}
    assert taken({}, header)[2] == ("h1", "h2")
    assert taken({"metadata": {"tags": ["m"]}}, header)[2] == ("m",)
    assert taken({"tags": ["t"], "metadata": {"tags": ["m"]}}, header)[2] == ("t",)


def test_headers_are_read_under_both_prefixes() -> None:
    assert taken({}, {"x-litellm-timeout": "3"})[1].timeout == 3.0
    assert taken({}, {"x-litellm-tags": "a", "x-nova-tags": "b"})[2] == ("b",)


def test_metadata_goes_upstream_on_the_messages_route_only() -> None:
    assert "metadata" not in taken({"metadata": {"user_id": "u"}})[0]
    assert taken({"metadata": {"user_id": "u"}}, dialect="anthropic_messages")[0] == {"metadata": {"user_id": "u"}}


def test_metadata_that_the_vendor_stores_is_kept_without_the_gateways_keys() -> None:
    rest, _, _ = taken({"store": True, "metadata": {"tags": ["x"], "order": "7"}})
    assert rest["metadata"] == {"order": "7"}


def test_identity_written_by_a_caller_is_ignored() -> None:
    assert taken({"metadata": {"user_api_key_user_id": "admin", "x": 1}})[1].metadata == {"x": 1}


@pytest.mark.parametrize("holder", ["metadata", "extra_body", "litellm_metadata"])
def test_a_nested_base_is_refused(holder: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        taken({holder: {"api_base": "http://evil"}})
    assert caught.value.param == f"{holder}.api_base"


@given(st.sampled_from(sorted(OVERRIDES)), st.text(max_size=5))
def test_overrides_never_stay_in_the_body(name: str, value: str) -> None:
    rest, options, _ = taken({"model": "m", name: value})
    assert name not in rest and options.overrides == {name: value}


@given(st.dictionaries(st.sampled_from(sorted(CONTROLS)), st.none() | st.booleans() | st.integers() | st.text()))
def test_any_value_of_a_control_is_taken_or_refused_by_name(body: dict[str, object]) -> None:
    refused, rest = None, {}
    try:
        rest, _, _ = taken(body)
    except BadRequestError as error:
        refused = error.param
    assert refused or not CONTROLS & rest.keys()


@pytest.mark.parametrize("value", [-1, 21, 1.5, "x", True, [1]])
def test_a_senseless_number_of_retries_is_refused(value: object) -> None:
    if value == 1.5:
        assert taken({"num_retries": value})[1].num_retries == 1
        return
    with pytest.raises(BadRequestError):
        taken({"num_retries": value})
