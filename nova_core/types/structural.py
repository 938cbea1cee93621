"""What classes have: all that a protocol asks for, found out once, and which of their bases has the last word."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeGuard, TypeVar

T = TypeVar("T")


def follows(thing: object, protocol: type[T]) -> TypeGuard[T]:
    """`isinstance` for a runtime-checkable protocol of methods alone.

    CPython 3.11 looks at every member of a protocol each time it is asked, which takes more than 10 µs; here the answer
    is remembered by the object's class. Raises TypeError for a protocol that has other members than methods.
    """
    kind: Any = type(thing)  # the cache's own types take no class for a key
    asked: Any = protocol
    return _has_all(kind, asked)


def has_last_word(kind: type, name: str, *, over: tuple[str, ...]) -> bool:
    """Whether no class that says any of `over` comes before the one from which `kind` has `name`."""
    for each in kind.__mro__:
        if name in vars(each):
            return True
        if not vars(each).keys().isdisjoint(over):
            return False
    return False


@cache
def _has_all(kind: type, protocol: type) -> bool:
    return issubclass(kind, protocol)
