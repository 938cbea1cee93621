"""The forward pass of a small BERT sentence encoder in numpy, from the published safetensors file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nova_plugin_local.errors import WeightsDamagedError

Floats: TypeAlias = npt.NDArray[np.float32]

LAYER_NORM_EPSILON = 1e-12
ATTENTION_HEAD_WIDTH = 32
MASKED = np.float32(-1e9)


class SentenceEncoder:
    """all-MiniLM-L6-v2: token ids in, mean-pooled vectors of length 1 out."""

    def __init__(self, weights: dict[str, Floats]) -> None:
        self._weights = weights
        self._words = weights["embeddings.word_embeddings.weight"]
        # Sentences have one segment, so its row joins the positions for good.
        self._positions: Floats = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self.width = int(self._words.shape[1])
        self._heads = self.width // ATTENTION_HEAD_WIDTH
        self._layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))

    def encode(self, batch: Sequence[Sequence[int]]) -> Floats:
        """Token ids, special tokens included, to an array of shape (len(batch), width)."""
        longest = max(len(ids) for ids in batch)
        ids = np.zeros((len(batch), longest), dtype=np.int64)
        present = np.zeros((len(batch), longest), dtype=np.float32)
        for row, sentence in enumerate(batch):
            ids[row, : len(sentence)] = sentence
            present[row, : len(sentence)] = 1.0
        hidden = self._norm(self._words[ids] + self._positions[:longest], "embeddings.LayerNorm")
        bias = ((1.0 - present) * MASKED)[:, None, None, :]
        for layer in range(self._layers):
            hidden = self._layer(hidden, bias, f"encoder.layer.{layer}")
        pooled = np.einsum("bsw,bs->bw", hidden, present) / present.sum(axis=1, keepdims=True)
        unit: Floats = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return unit

    def _layer(self, hidden: Floats, bias: Floats, prefix: str) -> Floats:
        attended = self._linear(self._attend(hidden, bias, prefix), f"{prefix}.attention.output.dense")
        hidden = self._norm(hidden + attended, f"{prefix}.attention.output.LayerNorm")
        inner = _gelu(self._linear(hidden, f"{prefix}.intermediate.dense"))
        return self._norm(hidden + self._linear(inner, f"{prefix}.output.dense"), f"{prefix}.output.LayerNorm")

    def _attend(self, hidden: Floats, bias: Floats, prefix: str) -> Floats:
        batch, length, width = hidden.shape
        shape = (batch, length, self._heads, ATTENTION_HEAD_WIDTH)
        query, key, value = (
            self._linear(hidden, f"{prefix}.attention.self.{name}").reshape(shape).transpose(0, 2, 1, 3)
            for name in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2)
        scores *= np.float32(ATTENTION_HEAD_WIDTH**-0.5)
        scores += bias
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Floats = np.matmul(scores, value)
        return mixed.transpose(0, 2, 1, 3).reshape(batch, length, width)

    def _linear(self, inputs: Floats, name: str) -> Floats:
        weight = self._weights[f"{name}.weight"]
        flat = inputs.reshape(-1, inputs.shape[-1]) @ weight.T  # one large product is faster than many small
        flat += self._weights[f"{name}.bias"]
        output: Floats = flat.reshape(*inputs.shape[:-1], weight.shape[0])
        return output

    def _norm(self, inputs: Floats, name: str) -> Floats:
        centred: Floats = inputs - inputs.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        centred /= np.sqrt(variance + np.float32(LAYER_NORM_EPSILON))
        centred *= self._weights[f"{name}.weight"]
        centred += self._weights[f"{name}.bias"]
        return centred


def load_encoder(path: Path) -> SentenceEncoder:
    """Raises WeightsDamagedError when the file does not hold the tensors of a BERT encoder."""
    try:
        return SentenceEncoder(read_safetensors(path))
    except (KeyError, ValueError) as error:
        raise WeightsDamagedError(f"{path.name} holds no BERT encoder: {error!r}") from error


def read_safetensors(path: Path) -> dict[str, Floats]:
    """Float32 tensors by name, mapped from the file: workers on one machine share the pages.

    The format is 8 bytes of header length (little endian), a JSON header of dtype, shape and offsets, then
    the data: https://github.com/huggingface/safetensors#format.
    """
    data = np.memmap(path, dtype=np.uint8, mode="r")
    start = 8 + int.from_bytes(bytes(data[:8]), "little")
    tensors: dict[str, Floats] = {}
    for name, entry in json.loads(bytes(data[8:start])).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        tensors[name] = data[start + begin : start + end].view(np.float32).reshape(entry["shape"])
    return tensors


def _gelu(inputs: Floats) -> Floats:
    """x/2 (1 + erf(x/√2)), with erf after Abramowitz and Stegun 7.1.26 (error below 1.5e-7, float32's own)."""
    size = np.abs(inputs)
    size *= np.float32(0.5**0.5)
    t = np.float32(1.0) / (np.float32(1.0) + np.float32(0.3275911) * size)
    series = np.full_like(t, 1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series *= t
        series += np.float32(coefficient)
    series *= t
    series *= np.exp(-np.square(size))
    erf = np.copysign(np.float32(1.0) - series, inputs)
    erf += np.float32(1.0)
    erf *= inputs
    erf *= np.float32(0.5)
    return erf
