"""The half of a dialect that only callers need, for wire formats that upstreams speak and no caller does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.errors import BadRequestError, NovaError
from nova_core.types.dialect import StreamDecoder, StreamEncoder, StreamRelay
from nova_core.types.message import Members, TypedReply, TypedRequest


class UpstreamOnly:
    """What is left to write: rendering requests, reading replies, and a decoder where there are streams."""

    name: str

    def check_request(self, members: Members) -> None:
        """Raises BadRequestError."""
        raise self._no_caller()

    def parse_request(self, members: Mapping[str, Any]) -> TypedRequest:
        """Raises BadRequestError."""
        raise self._no_caller()

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Defaults where nothing was given."""
        return {**defaults, **members}

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """Raises BadRequestError."""
        raise self._no_caller()

    def encoder(self, *, model: str, include_usage: bool) -> StreamEncoder:
        """Raises BadRequestError."""
        raise self._no_caller()

    def relay(self, *, model: str, hide_usage: bool = False) -> StreamRelay:
        """Raises BadRequestError."""
        raise self._no_caller()

    def decoder(self) -> StreamDecoder:
        """Raises BadRequestError where nothing is streamed."""
        raise BadRequestError(f"{self.name} cannot be streamed", param="stream")

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """`{"error"}`, the least that any reader understands."""
        return {"error": error.message}

    def _no_caller(self) -> BadRequestError:
        return BadRequestError(f"{self.name} is what an upstream speaks, not a caller")
