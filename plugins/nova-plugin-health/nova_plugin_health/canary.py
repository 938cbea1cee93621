"""Canaries: a fixed set of texts whose vectors must stay what they were."""

from __future__ import annotations

import asyncio
import base64
import math
from array import array
from collections.abc import Mapping, Sequence
from operator import mul
from pathlib import Path
from sys import byteorder
from typing import Any

import msgspec

from nova_core.errors import ConfigurationError, NovaError
from nova_core.types.deployment import Deployment
from nova_core.types.embeddings import EmbeddingsReply, Vector
from nova_core.types.message import Reply, Request
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.probing import Run, probe_call

LEAST_COSINE = 0.999
TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Wie spät fährt der letzte Zug nach Hamburg?",
    "机器学习模型需要大量的训练数据。",
    "def add(a, b):\n    return a + b",
    "SELECT name FROM users WHERE age > 30 ORDER BY name;",
    "El precio del petróleo subió un 3,5 % en marzo.",
    "Photosynthesis turns carbon dioxide and water into sugar and oxygen.",
    "ok",
)

Floats = tuple[float, ...]


class Pinned(msgspec.Struct, frozen=True):
    """The texts, and the vectors that they must have."""

    texts: tuple[str, ...]
    vectors: tuple[Floats, ...]


class Canaries:
    """The pinned vectors by embedding space, or by file."""

    def __init__(self) -> None:
        self._pinned: dict[str, Pinned] = {}

    async def load(self, deployments: Sequence[Deployment]) -> None:
        """Read the files that there are. Raises ConfigurationError for one that is no such file."""
        for each in deployments:
            path = _file_of(each)
            if path is not None and str(path) not in self._pinned and await asyncio.to_thread(path.exists):
                self._pinned[str(path)] = await asyncio.to_thread(_read, path)

    async def check(self, run: Run, deployment: Deployment, *, seconds: float) -> tuple[str | None, NovaError | None]:
        """What is wrong with its vectors, and why there are none; pins them where nothing is pinned yet."""
        path = _file_of(deployment)
        place = _space(deployment) if path is None else str(path)
        pinned = self._pinned.get(place)
        try:
            vectors = await _embedded(run, deployment, TEXTS if pinned is None else pinned.texts, seconds)
        except NovaError as error:
            return None, error
        pinned = self._pinned.get(place)
        if pinned is None:
            pinned = self._pinned[place] = Pinned(TEXTS, vectors)
            if path is not None:
                await asyncio.to_thread(path.write_bytes, msgspec.json.encode(pinned))
            return None, None
        return difference(pinned, vectors), None


def has_canary(deployment: Deployment) -> bool:
    """Whether the configuration asks for it."""
    return bool(deployment.info.get("canary")) and "*" not in deployment.model


def difference(pinned: Pinned, vectors: Sequence[Floats]) -> str | None:
    """What differs from the pinned vectors; None when each is near enough."""
    if len(vectors) != len(pinned.vectors):
        return f"{len(vectors)} vectors came for {len(pinned.vectors)} texts"
    widths = {len(own) for own in vectors} | {len(other) for other in pinned.vectors}
    if len(widths) > 1:
        return f"its vectors have {len(vectors[0])} dimensions, the pinned ones {len(pinned.vectors[0])}"
    lowest = min(cosine(own, other) for own, other in zip(vectors, pinned.vectors, strict=True))
    if lowest >= LEAST_COSINE:
        return None
    return f"its vectors have changed: a cosine of {lowest:.4f} with the pinned ones, not {LEAST_COSINE} at least"


def cosine(one: Floats, other: Floats) -> float:
    """The cosine of the angle between two vectors; -1 for one that has no direction, or no number."""
    lengths = math.hypot(*one) * math.hypot(*other)
    found = sum(map(mul, one, other)) / lengths if lengths else -1.0
    return found if math.isfinite(found) else -1.0


async def _embedded(run: Run, deployment: Deployment, texts: Sequence[str], seconds: float) -> tuple[Floats, ...]:
    members = {"model": deployment.id, "input": list(texts)}
    answer = await run(probe_call(deployment, Request("embedding", OPENAI_EMBEDDINGS, members), seconds))
    if not isinstance(answer, Reply) or not isinstance(answer.typed, EmbeddingsReply):
        raise NovaError("the answer to a canary holds no embeddings")
    return tuple(_floats(vector) for vector in sorted(answer.typed.data, key=lambda each: each.index))


def _floats(vector: Vector) -> Floats:
    """The numbers of a vector; those of several, one per token, one after the other."""
    found = vector.embedding
    if isinstance(found, str):
        numbers = array("f", base64.b64decode(found))
        if byteorder == "big":
            numbers.byteswap()
        return tuple(numbers)
    rows: list[Any] = [each if isinstance(each, list | tuple) else (each,) for each in found]
    return tuple(float(number) for row in rows for number in row)


def _space(deployment: Deployment) -> str:
    """What deployments have in common whose vectors can be compared."""
    adapter = deployment.settings.get("adapter") or deployment.defaults.get("adapter")
    model = deployment.info.get("base_model") or deployment.model
    return repr((deployment.info.get("embedding_space"), model, adapter, deployment.defaults.get("dimensions")))


def _file_of(deployment: Deployment) -> Path | None:
    given = deployment.info.get("canary")
    if isinstance(given, Mapping):
        given = given.get("file")
    return Path(given) if isinstance(given, str) else None


def _read(path: Path) -> Pinned:
    try:
        pinned = msgspec.json.decode(path.read_bytes(), type=Pinned)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"the canary file '{path}' cannot be read: {error}") from error
    if not pinned.texts or len(pinned.texts) != len(pinned.vectors):
        raise ConfigurationError(f"the canary file '{path}' must have as many vectors as texts")
    return pinned
