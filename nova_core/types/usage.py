"""What a call used, in disjoint token buckets, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Usage:
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
        return Usage(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage)})


@dataclass(frozen=True, slots=True)
class Prices:
    """Configured prices in US dollars per token. None means unknown, which is never counted as 0."""

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    reasoning: Decimal | None = None
    per_request: Decimal | None = None

    def cost(self, usage: Usage) -> Decimal | None:
        """Dollars for `usage`; None as soon as a bucket that was used has no price.

        Cache, audio and reasoning buckets without a price of their own are charged at the plain input
        or output price, which is what vendors without a discount do.
        """
        if not self.known:
            return None
        buckets = (
            (usage.input, self.input),
            (usage.cache_read, self.cache_read if self.cache_read is not None else self.input),
            (usage.cache_write_5m, self.cache_write_5m if self.cache_write_5m is not None else self.input),
            (usage.cache_write_1h, self._one_hour_write()),
            (usage.input_audio, self.input_audio if self.input_audio is not None else self.input),
            (usage.output + usage.accepted_prediction + usage.rejected_prediction, self.output),
            (usage.reasoning, self.reasoning if self.reasoning is not None else self.output),
            (usage.output_audio, self.output_audio if self.output_audio is not None else self.output),
        )
        total = self.per_request or Decimal(0)
        for count, price in buckets:
            if count and price is None:
                return None
            if count and price is not None:
                total += count * price
        return total

    @property
    def known(self) -> bool:
        """True when at least one price is configured."""
        return self != UNPRICED

    def _one_hour_write(self) -> Decimal | None:
        if self.cache_write_1h is not None:
            return self.cache_write_1h
        return self.cache_write_5m if self.cache_write_5m is not None else self.input


UNPRICED = Prices()
