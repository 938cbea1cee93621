"""What a call used, in disjoint token buckets."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts by bucket. Input buckets are disjoint, and so are the output buckets.

    The prompt total of OpenAI's dialect is `input_total`; Anthropic's `input_tokens` is `input` plus
    the audio and image buckets. `total` repeats an upstream's own total only where it differs.
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    output: int = 0
    reasoning: int = 0
    output_audio: int = 0
    accepted_prediction: int = 0
    rejected_prediction: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but plain input and output."""
        return not (
            self.cache_read or self.cache_write_5m or self.cache_write_1h or self.input_audio or self.reasoning
            or self.output_audio or self.accepted_prediction or self.rejected_prediction
        )  # fmt: skip

    @property
    def cache_write(self) -> int:
        """Tokens written to a prompt cache, any lifetime."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def input_total(self) -> int:
        """All prompt tokens."""
        return self.input + self.cache_read + self.cache_write + self.input_audio

    @property
    def output_total(self) -> int:
        """All completion tokens."""
        return self.output + self.reasoning + self.output_audio + self.accepted_prediction + self.rejected_prediction

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.input_total + self.output_total

    def __add__(self, other: Usage) -> Usage:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Usage(*(mine + theirs for mine, theirs in pairs))
