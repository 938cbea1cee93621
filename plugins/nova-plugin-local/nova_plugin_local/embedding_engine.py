"""Sentence embeddings on a local model, off the event loop: texts in, vectors of length 1 and token counts out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from nova_plugin_local.errors import InvalidInputError, PromptTooLongError
from nova_plugin_local.models import LocalModel, locate, verify
from nova_plugin_local.worker import Worker, default_threads

if TYPE_CHECKING:
    from pathlib import Path

    from threadpoolctl import ThreadpoolController
    from tokenizers import Tokenizer

    from nova_plugin_local.bert import SentenceEncoder

# A piece of work for the thread: large enough for fast matrix products, small enough (0.5 s on one core) that
# calls take turns and a cancelled one stops soon.
TOKENS_PER_PIECE = 1024


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """Calls that may wait, and cores to use. A call waits with one piece of its work at a time."""

    max_waiting: int = 256
    threads: int = field(default_factory=default_threads)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One entry per text, in order: the vector, the tokens the model read, whether the text was cut."""

    vectors: tuple[list[float], ...]
    tokens: tuple[int, ...]
    truncated: tuple[bool, ...]

    @property
    def prompt_tokens(self) -> int:
        return sum(self.tokens)


@dataclass(frozen=True, slots=True)
class _Loaded:
    encoder: SentenceEncoder
    tokenizer: Tokenizer
    blas: ThreadpoolController


class EmbeddingEngine:
    """One encoder, loaded at the first call."""

    def __init__(self, model: LocalModel, settings: EmbeddingSettings | None = None) -> None:
        self.model = model
        self.settings = settings or EmbeddingSettings()
        self._loaded: _Loaded | None = None
        self._loading = threading.Lock()
        self._worker = Worker("nova-local-embed", max_waiting=self.settings.max_waiting)

    @property
    def loaded(self) -> bool:
        return self._loaded is not None

    async def embed(self, texts: Sequence[str], *, dimensions: int | None = None, truncate: bool = True) -> Embeddings:
        """Vectors of `model.dimensions` numbers. A text over `model.context_size` tokens is cut there.

        Raises InvalidInputError (no or empty text, other `dimensions`), PromptTooLongError (too long and
        `truncate` is off), EngineBusyError, WeightsNotFoundError, WeightsDamagedError, EngineClosedError.
        """
        if dimensions not in (None, self.model.dimensions):
            raise InvalidInputError(
                f"{self.model.name} has vectors of {self.model.dimensions} numbers and no shorter ones", "dimensions"
            )
        if not texts or not all(texts):
            raise InvalidInputError("input must hold at least one text, and none may be empty", "input")
        ids, lengths = await self._worker.run(partial(self._tokenize, texts))
        longest = max(lengths)
        if longest > self._limit and not truncate:
            raise PromptTooLongError(longest, self._limit)
        vectors: list[list[float]] = [[]] * len(texts)
        for piece in split_by_tokens([len(each) for each in ids]):
            rows = await self._worker.run(partial(self._encode, [ids[index] for index in piece]))
            for index, vector in zip(piece, rows, strict=True):
                vectors[index] = vector
        return Embeddings(
            vectors=tuple(vectors),
            tokens=tuple(len(each) for each in ids),
            truncated=tuple(length > self._limit for length in lengths),
        )

    async def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Tokens of each whole text, special tokens included, before any cut."""
        _, lengths = await self._worker.run(partial(self._tokenize, texts))
        return tuple(lengths)

    async def aclose(self) -> None:
        """Frees the model. The engine cannot be used again."""
        await self._worker.close(self._unload)

    @property
    def _limit(self) -> int:
        return self.model.context_size or 256

    def _tokenize(self, texts: Sequence[str]) -> tuple[list[list[int]], list[int]]:
        """Ids cut to the limit (the closing token kept), and the length of each text before the cut."""
        encoded = self._ready().tokenizer.encode_batch(list(texts))
        whole = [encoding.ids for encoding in encoded]
        cut = [ids if len(ids) <= self._limit else [*ids[: self._limit - 1], ids[-1]] for ids in whole]
        return cut, [len(ids) for ids in whole]

    def _encode(self, batch: list[list[int]]) -> list[list[float]]:
        loaded = self._ready()
        # BLAS would take every core otherwise, and the event loop would wait for one.
        with loaded.blas.limit(limits=self.settings.threads, user_api="blas"):
            vectors: list[list[float]] = loaded.encoder.encode(batch).tolist()
        return vectors

    def _ready(self) -> _Loaded:
        with self._loading:
            if self._loaded is None:
                files = locate(self.model)
                verify(self.model, files)
                self._loaded = _load(*files)
            return self._loaded

    def _unload(self) -> None:
        self._loaded = None


def _load(weights: Path, vocabulary: Path) -> _Loaded:
    from threadpoolctl import ThreadpoolController
    from tokenizers import Tokenizer

    from nova_plugin_local.bert import load_encoder

    encoder = load_encoder(weights)
    tokenizer = Tokenizer.from_file(str(vocabulary))
    tokenizer.no_truncation()  # the file says 128; we cut ourselves, and know the true length
    tokenizer.no_padding()
    return _Loaded(encoder, tokenizer, ThreadpoolController())


def split_by_tokens(lengths: Sequence[int], limit: int = TOKENS_PER_PIECE) -> list[list[int]]:
    """Indexes of texts in pieces whose padded size stays within `limit`; texts of like length go together."""
    pieces: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        longest = lengths[index]  # ascending order: each text is the longest of its piece so far
        if not pieces or (len(pieces[-1]) + 1) * longest > limit:
            pieces.append([])
        pieces[-1].append(index)
    return pieces
