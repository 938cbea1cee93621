"""The streaming half of a dialect, for operations whose answers come whole."""

from __future__ import annotations

from nova_core.errors import BadRequestError
from nova_core.types.dialect import StreamDecoder, StreamEncoder, StreamRelay
from nova_core.types.message import Operation


class WholeAnswers:
    """Refuses every stream; a dialect that has one after all overrides what it needs."""

    operation: Operation

    def decoder(self) -> StreamDecoder:
        """Raises BadRequestError."""
        raise self.not_streamed()

    def encoder(self, *, model: str, include_usage: bool) -> StreamEncoder:
        """Raises BadRequestError."""
        raise self.not_streamed()

    def relay(self, *, model: str, hide_usage: bool = False) -> StreamRelay:
        """Raises BadRequestError."""
        raise self.not_streamed()

    def not_streamed(self) -> BadRequestError:
        """The error for who asks for a stream."""
        what = "embeddings" if self.operation == "embedding" else f"an answer of {self.operation}"
        return BadRequestError(f"{what} cannot be streamed", param="stream")
