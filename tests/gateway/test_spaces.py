"""What makes two deployments' vectors comparable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nova_core.errors import BadRequestError, NovaError
from nova_core.gateway.spaces import keep_to_one_space, space_of
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS


def deployment(id: str = "a", model: str = "m", **fields: Any) -> Deployment:
    return Deployment(id=id, group="g", provider=fields.pop("provider", "p"), model=model, **fields)


def request(**members: Any) -> Request:
    return Request("embedding", OPENAI_EMBEDDINGS, {"model": "g", "input": "x", **members})


def name(given: Deployment, **members: Any) -> str:
    return space_of(given, request(**members)).name


def test_provider_key_and_base_are_no_part_of_a_space() -> None:
    elsewhere = deployment("b", provider="q", api_base="http://other")
    assert space_of(deployment()) == space_of(elsewhere)
    assert space_of(deployment(model="renamed", info={"base_model": "m"})) == space_of(deployment())


@pytest.mark.parametrize(
    ("other", "members"),
    [
        (deployment(model="n"), {}),
        (deployment(settings={"adapter": "x"}), {}),
        (deployment(defaults={"dimensions": 8}), {}),
        (deployment(defaults={"normalized": False}), {}),
        (deployment(info={"embedding_space": "pinned"}), {}),
        (deployment(info={"embedding_space": {"normalized": True}}), {}),
        (deployment(info={"embedding_space": {"multivector": True}}), {}),
    ],
)
def test_what_changes_the_vectors_is_another_space(other: Deployment, members: dict[str, Any]) -> None:
    assert name(other, **members) != name(deployment(), **members)
    with pytest.raises(BadRequestError, match="2 embedding spaces"):
        keep_to_one_space(Call(request()), request(**members), (deployment(), replace(other, id="b")), "g")


def test_what_the_caller_asks_for_beats_what_deployments_do_unasked() -> None:
    narrow = deployment(defaults={"dimensions": 8, "normalized": False})
    asked = {"dimensions": 4, "normalized": True}
    assert name(narrow, **asked) == name(deployment(), **asked) == "m/4/pooled/normalised"
    assert name(deployment(), return_multivector=True) == "m/multivector"


def test_a_pinned_name_decides_together_with_dimensions_and_form() -> None:
    first = deployment(info={"embedding_space": "shared"})
    second = deployment(model="n", settings={"adapter": "x"}, info={"embedding_space": "shared"})
    assert space_of(first) == space_of(second)
    assert name(second, dimensions=4) == "shared/4/pooled" != name(first)


def test_a_group_of_another_space_cannot_take_over() -> None:
    call = Call(request())
    keep_to_one_space(call, call.original, (deployment(),), "g")
    with pytest.raises(NovaError, match="no deployment in the embedding space m/pooled"):
        keep_to_one_space(call, call.original, (deployment(model="n"),), "h")
