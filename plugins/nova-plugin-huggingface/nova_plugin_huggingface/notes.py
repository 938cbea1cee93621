"""What all formats of this plugin share: words of the servers' own, and answers that are lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.chat import Extra
from nova_core.types.message import Operation, Reply, decoded
from nova_core.types.upstream import UpstreamResponse
from nova_core.types.usage import Usage
from nova_core.wire.body import NOT_JSON
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.upstream_only import UpstreamOnly

TOKENS = "x-compute-tokens"
"""The header in which servers say how many tokens they read."""


class ListFormat(UpstreamOnly):
    """A format whose answer is a bare JSON list, kept as `member`. `words` may be sent beside other dialects' members.

    A `Dialect`, but for rendering requests and parsing replies.
    """

    name: str
    operation: Operation
    member: str
    words: frozenset[str] = frozenset({"truncate", "truncation_direction"})

    def read_raw(self, response: UpstreamResponse) -> Reply | None:
        """The list, and the tokens that a header counts; None where something else was answered."""
        if not response.body.lstrip().startswith(b"["):
            return None
        try:
            found = msgspec.json.decode(response.body)
        except NOT_JSON as error:
            raise BadGatewayError("the upstream's answer cannot be read: it is no JSON") from error
        counted = response.headers.get(TOKENS, "")
        tokens = {"tokens": int(counted)} if counted.isdigit() else {}
        return Reply(self.operation, self, {self.member: found, **tokens})  # type: ignore[arg-type]

    def usage_of(self, members: Mapping[str, Any]) -> Usage | None:
        """The tokens that the header counted."""
        tokens = decoded(members.get("tokens"))
        return Usage(input=tokens) if isinstance(tokens, int) else None

    def check_reply(self, members: Mapping[str, Any]) -> None:
        """Raises BadGatewayError for what is not the list."""
        if self.member not in members:
            said = decoded(members.get("error"))
            about = f": {said}" if isinstance(said, str) else ""
            raise BadGatewayError(f"the upstream's answer is no list of {self.member}{about}")

    def own_words(self, extra: Extra, notes: ForeignNotes) -> dict[str, Any]:
        """The members that the servers know, out of the extras of any dialect; the rest is noted."""
        notes.foreign(
            {
                dialect: {name: value for name, value in members.items() if name not in self.words}
                for dialect, members in extra.items()
            }
        )
        said = [pair for members in extra.values() for pair in members.items()]
        return {name: value for name, value in said if name in self.words}
