"""What a call used, in disjoint token buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

TIERS: Mapping[str, str] = {"flex": "flex", "priority": "priority", "fast": "priority", "batch": "batch"}
"""Service tiers as vendors name them, of those that may have prices of their own → as `Usage.tier` does."""


class Units(msgspec.Struct, frozen=True, gc=False):
    """What is counted in other units than tokens: characters to speak, images made, seconds heard or spoken, queries.

    `queries` are those of a rerank, in the vendor's search units where it states them.
    """

    characters: int = 0
    images: int = 0
    input_seconds: float = 0.0
    output_seconds: float = 0.0
    queries: float = 0.0

    def __add__(self, other: Units) -> Units:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Units(*(mine + theirs for mine, theirs in pairs))


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts by bucket. Input buckets are disjoint, and so are the output buckets.

    The prompt total of OpenAI's dialect is `input_total`; Anthropic's `input_tokens` is `input` plus
    the audio and image buckets. `total` repeats an upstream's own total only where it differs. `units` is what was
    used of anything but tokens, None for nothing. `tier` is the service tier that served it, empty for the plain one.
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
    input_image: int = 0
    output_image: int = 0
    units: Units | None = None
    tier: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but plain input and output."""
        return not (
            self.cache_read or self.cache_write_5m or self.cache_write_1h or self.input_audio or self.reasoning
            or self.output_audio or self.accepted_prediction or self.rejected_prediction
            or self.input_image or self.output_image or self.units
        )  # fmt: skip

    @property
    def cache_write(self) -> int:
        """Tokens written to a prompt cache, any lifetime."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def input_total(self) -> int:
        """All prompt tokens."""
        written = self.cache_write_5m + self.cache_write_1h
        return self.input + self.cache_read + written + self.input_audio + self.input_image

    @property
    def output_total(self) -> int:
        """All completion tokens."""
        predicted = self.accepted_prediction + self.rejected_prediction
        return self.output + self.reasoning + self.output_audio + self.output_image + predicted

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.input_total + self.output_total

    def __add__(self, other: Usage) -> Usage:
        pairs = zip(msgspec.structs.astuple(self)[:-2], msgspec.structs.astuple(other)[:-2], strict=True)
        sums: list[Any] = [mine + theirs for mine, theirs in pairs]
        own, others = self.units, other.units
        sums += [own + others if own and others else own or others, self.tier or other.tier]
        return Usage(*sums)

    def served_in(self, tier: Any) -> Usage:
        """The same, served in what a vendor names as its service tier; one that is none of `TIERS` is the plain one."""
        known = TIERS.get(tier) if isinstance(tier, str) else None
        return self if known is None else msgspec.structs.replace(self, tier=known)

    @property
    def counts(self) -> dict[str, int | float]:
        """Every count that is not 0 by its name, those of `units` among them; `counted` makes a usage of it again."""
        texts = ("units", "tier")
        own = {name: count for name, count in msgspec.structs.asdict(self).items() if count and name not in texts}
        units = {} if self.units is None else msgspec.structs.asdict(self.units)
        return {**own, **{name: count for name, count in units.items() if count}}


def counted(counts: Mapping[str, Any], tier: str = "") -> Usage:
    """The usage of which these are the counts, in that service tier. Raises TypeError for a name that is none."""
    units = {name: count for name, count in counts.items() if name in Units.__struct_fields__}
    own = {name: count for name, count in counts.items() if name not in units}
    return Usage(**own, units=Units(**units) if units else None, tier=tier)
