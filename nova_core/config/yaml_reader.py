"""YAML text to plain values, remembering where each key stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from nova_core.config.explain import ConfigError, KeyPath, Position, Problem, dotted

MAX_DEPTH = 100
MAX_VALUES = 200_000

_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null"))
_CONTAINERS = frozenset((_TAG + "map", _TAG + "seq"))
_Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]


def _without_dates(inherited: _Resolvers) -> _Resolvers:
    """PyYAML's own rules except dates: an API version such as 2024-02-01 is text."""
    return {
        first: [(tag, rule) for tag, rule in rules if tag != _TAG + "timestamp"] for first, rules in inherited.items()
    }


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _without_dates(yaml.SafeLoader.yaml_implicit_resolvers)


@dataclass(slots=True)
class Document:
    """A file as read: its value, the position of every key and list item, and what was odd."""

    value: Any
    positions: dict[KeyPath, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_yaml(text: str, file: str) -> Document:
    """Parse one YAML document; `ConfigError` with file and line when it is not YAML.

    Keys are always text. A key written twice is a problem: an error when the values differ (the last one is
    kept), a warning when they are equal.
    """
    loader = _Loader("")
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        reading = _Reading(loader, file)
        value = None if root is None else reading.value(root, (), 0)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax_problem(error, file)]) from None
    except yaml.YAMLError:
        raise ConfigError(
            [Problem("error", "yaml-syntax", "contains a character YAML does not allow", position=Position(file, 1, 1))]
        ) from None
    except RecursionError:
        raise ConfigError([_too_deep(Position(file, 1, 1))]) from None
    finally:
        loader.dispose()
    return Document(value, reading.positions, reading.problems)


class _Reading:
    """One walk over the node tree."""

    def __init__(self, loader: _Loader, file: str) -> None:
        self.positions: dict[KeyPath, Position] = {}
        self.problems: list[Problem] = []
        self._loader = loader
        self._file = file
        self._open: set[int] = set()
        self._flat: set[int] = set()
        self._count = 0

    def value(self, node: Node, path: KeyPath, depth: int) -> Any:
        self._guard(node, depth)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return self._sequence(node, path, depth)
            assert isinstance(node, MappingNode)
            return self._mapping(node, path, depth)
        finally:
            self._open.discard(id(node))

    def _guard(self, node: Node, depth: int) -> None:
        self._count += 1
        position = self._position(node)
        if depth > MAX_DEPTH:
            raise ConfigError([_too_deep(position)])
        if self._count > MAX_VALUES:
            raise ConfigError(
                [
                    Problem(
                        "error", "yaml-size", f"holds more than {MAX_VALUES} values", "YAML aliases multiply", position
                    )
                ]
            )
        if id(node) in self._open:
            raise ConfigError([Problem("error", "yaml-alias", "an alias contains itself", position=position)])
        allowed = _SCALARS if isinstance(node, ScalarNode) else _CONTAINERS
        if node.tag not in allowed:
            raise ConfigError(
                [
                    Problem(
                        "error",
                        "yaml-tag",
                        f"the YAML tag {node.tag.replace(_TAG, '!!')} is not supported",
                        "use plain text, numbers, lists and mappings",
                        position,
                    )
                ]
            )

    def _scalar(self, node: ScalarNode) -> Any:
        try:
            return self._loader.construct_object(node)
        except (ValueError, KeyError):
            raise ConfigError(
                [
                    Problem(
                        "error",
                        "yaml-value",
                        "this value cannot be read",
                        "quote it to make it text",
                        self._position(node),
                    )
                ]
            ) from None

    def _sequence(self, node: SequenceNode, path: KeyPath, depth: int) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            self.positions[(*path, index)] = self._position(item)
            items.append(self.value(item, (*path, index), depth + 1))
        return items

    def _mapping(self, node: MappingNode, path: KeyPath, depth: int) -> dict[str, Any]:
        duplicates = self._flatten(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise ConfigError(
                    [Problem("error", "yaml-key", "a key must be plain text", position=self._position(key_node))]
                )
            here = (*path, key_node.value)
            value = self.value(value_node, here, depth + 1)
            if key_node in duplicates:
                self._report_duplicate(here, key_node, differs=found[key_node.value] != value)
            found[key_node.value] = value
            self.positions[here] = self._position(key_node)
        return found

    def _flatten(self, node: MappingNode) -> list[Node]:
        """Apply `<<`, once per node, and return the key nodes that repeat an earlier key."""
        if id(node) in self._flat:
            return []
        self._flat.add(id(node))
        seen: set[str] = set()
        duplicates: list[Node] = []
        for key_node, _ in node.value:
            if key_node.tag == _TAG + "merge" or not isinstance(key_node, ScalarNode):
                continue
            if key_node.value in seen:
                duplicates.append(key_node)
            seen.add(key_node.value)
        self._loader.flatten_mapping(node)
        return duplicates

    def _report_duplicate(self, path: KeyPath, node: Node, *, differs: bool) -> None:
        first = self.positions.get(path)
        where = f", first at line {first.line}" if first else ""
        self.problems.append(
            Problem(
                "error" if differs else "warning",
                "duplicate-key",
                f"`{dotted(path)}` is written twice{where}",
                "keep one",
                self._position(node),
                path,
            )
        )

    def _position(self, node: Node) -> Position:
        return Position(self._file, node.start_mark.line + 1, node.start_mark.column + 1)


def _too_deep(position: Position) -> Problem:
    return Problem("error", "yaml-depth", f"is nested more than {MAX_DEPTH} levels deep", position=position)


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    position = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
    what = error.problem or error.context or "not YAML"
    context = f" {error.context}" if error.problem and error.context else ""
    return Problem("error", "yaml-syntax", f"YAML: {what}{context}", position=position)
