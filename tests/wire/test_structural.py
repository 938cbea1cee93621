"""What a protocol asks for is looked for in a class once."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import pytest

from nova_core.types.structural import follows


@runtime_checkable
class Says(Protocol):
    def say(self) -> str: ...


@runtime_checkable
class IsNamed(Protocol):
    name: str


class Dog:
    name = "dog"

    def say(self) -> str:
        return "wuff"


def test_a_class_that_has_the_methods_follows_and_one_that_has_not_does_not() -> None:
    for _ in range(2):
        assert follows(Dog(), Says)
        assert not follows(object(), Says)


def test_protocols_of_more_than_methods_are_refused() -> None:
    with pytest.raises(TypeError):
        follows(Dog(), IsNamed)
