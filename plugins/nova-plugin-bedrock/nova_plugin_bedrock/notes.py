"""Collecting what becomes of each field while a request is said in Converse's words."""

from __future__ import annotations

from typing import Any, Final

from nova_core.wire.foreign_notes import ForeignNotes

NAME: Final = "bedrock_converse"
"""The dialect's name, which keys its extras."""

Body = dict[str, Any]


class Notes(ForeignNotes):
    """The notes of one rendering."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(own=False, dialect=NAME)
