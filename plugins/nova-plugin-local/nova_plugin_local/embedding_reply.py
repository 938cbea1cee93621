"""Embeddings requests of the gateway to texts, and vectors to its replies."""

# OpenAI API reference, "Embeddings": `encoding_format: base64` is the bytes of little-endian float32 numbers.

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from nova_core.errors import BadRequestError
from nova_core.types.embeddings import EmbeddingsRequest
from nova_plugin_local.embedding_engine import Embeddings
from nova_plugin_local.models import LocalModel

ITEM_MEMBERS = frozenset({"text", "task", "adapter"})


def texts_of(request: EmbeddingsRequest, model: LocalModel) -> list[str]:
    """The text of each item. Raises BadRequestError naming an item that is no text, or names another adapter."""
    return [_text(item, "input" if request.single else f"input[{place}]", model)
            for place, item in enumerate(request.input)]  # fmt: skip


def reply_members(embeddings: Embeddings, *, model: str, encoding: str | None) -> dict[str, Any]:
    """The reply in OpenAI's format; vectors as floats, or base64 when `encoding` says so."""
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding)}
        for index, vector in enumerate(embeddings.vectors)
    ]
    usage = {"prompt_tokens": embeddings.prompt_tokens, "total_tokens": embeddings.prompt_tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def check_adapter(adapter: Any, model: LocalModel, param: str) -> None:
    """Raises BadRequestError when a request names an adapter that is not the model's."""
    if adapter is not None and adapter not in (model.adapter, model.public_name):
        own = f"its adapter is '{model.adapter}'" if model.adapter else "it has no adapter"
        raise BadRequestError(f"`{param}` does not fit {model.public_name}: {own}", param=param)


def _text(item: Any, param: str, model: LocalModel) -> str:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        raise BadRequestError(f"`{param}`: {model.name} reads text, not tokens", param=param)
    other = sorted(item.keys() - ITEM_MEMBERS)
    text = item.get("text")
    if other or not isinstance(text, str):
        what = f"not `{other[0]}`" if other else "and this item has none"
        raise BadRequestError(
            f"`{param}`: {model.name} reads `text`, {what}", param=f"{param}.{(other or ['text'])[0]}"
        )
    check_adapter(item.get("adapter"), model, f"{param}.adapter")
    return text


def _encoded(vector: list[float], encoding: str | None) -> list[float] | str:
    if encoding != "base64":
        return vector
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
