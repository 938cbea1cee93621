"""What is known of a model: prices, sizes, and what it takes. What is not known is unset, and means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nova_core.types.prices import UNPRICED, Prices

ABILITY_OF: Mapping[str, str] = {"image": "vision", "audio": "audio_input", "file": "pdf_input", "video": "video_input"}
"""Kind of content → the ability (`supports_…` of `model_info`) that speaks of it."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about one model; None and absent mean unknown.

    `max_input_tokens` is the size of the context window, `max_batch` the most items of one embeddings request.
    `modalities` are the kinds of content a prompt may have (`text`, `image`, `audio`, `video`, `file`), all of them;
    `parameters` OpenAI's names of the request parameters it takes, all of them. `supports` says of single
    abilities, named as in `model_info` without `supports_`, whether the model has them. `sources` say who knew.
    """

    prices: Prices = UNPRICED
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    max_batch: int | None = None
    mode: str | None = None
    modalities: frozenset[str] | None = None
    parameters: frozenset[str] | None = None
    supports: Mapping[str, bool] = field(default_factory=dict)
    sources: tuple[str, ...] = ()

    def over(self, base: ModelFacts) -> ModelFacts:
        """These facts, and those of `base` where these are unknown."""
        if NO_FACTS in (self, base):
            return base if self == NO_FACTS else self
        return ModelFacts(
            prices=self.prices.over(base.prices),
            max_input_tokens=_known(self.max_input_tokens, base.max_input_tokens),
            max_output_tokens=_known(self.max_output_tokens, base.max_output_tokens),
            max_batch=_known(self.max_batch, base.max_batch),
            mode=self.mode or base.mode,
            modalities=base.modalities if self.modalities is None else self.modalities,
            parameters=base.parameters if self.parameters is None else self.parameters,
            supports={**base.supports, **self.supports},
            sources=(*self.sources, *base.sources),
        )

    def takes(self, modality: str) -> bool | None:
        """Whether a prompt may have content of this kind; None when that is unknown.

        A single ability counts before the list of modalities, so that an operator can correct one.
        """
        said = self.supports.get(ABILITY_OF.get(modality, modality))
        if said is None and self.modalities is not None:
            return modality in self.modalities
        return said


def _known(own: int | None, other: int | None) -> int | None:
    return other if own is None else own


NO_FACTS = ModelFacts()
