"""Embeddings by inference: texts as a tensor in, vectors as a tensor out."""

# https://github.com/kserve/kserve/blob/master/docs/predict-api/v2/required_api.md (inference)

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Final

from nova_core.errors import BadGatewayError
from nova_core.types.embeddings import EmbeddingsReply, Vector
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.plain_vectors import plain_request
from nova_core.wire.upstream_errors import redacted
from nova_core.wire.upstream_only import UpstreamOnly

INPUT: Final = "input_text"
"""The tensor that takes the texts."""


class TritonInfer(UpstreamOnly):
    """`POST /v2/models/{model}/infer`."""

    name = "triton_infer"
    operation: Operation = "embedding"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream; only texts are embedded."""
        notes = ForeignNotes(own=False, dialect=self.name)
        asked = plain_request(typed, notes)
        for place, item in enumerate(asked.input):
            if not isinstance(item, str):
                notes.lost("input" if asked.single else f"input[{place}]", "the tensor holds texts only")
        for name in ("dimensions", "task"):
            if getattr(asked, name) is not None:
                notes.lost(name)
        notes.foreign(asked.extra)
        texts = [item if isinstance(item, str) else "" for item in asked.input]
        tensor = {"name": INPUT, "shape": [len(texts)], "datatype": "BYTES", "data": texts}
        return {"model": asked.model, "inputs": [tensor]}, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without `outputs`, or with an `error`."""
        error = decoded(members.get("error"))
        if isinstance(error, str):
            raise BadGatewayError(f"the upstream answered 200 with an error: {redacted(error)}")
        if not isinstance(decoded(members.get("outputs")), list):
            raise BadGatewayError("the upstream's answer has no `outputs`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """Typed reply. Raises BadGatewayError for a tensor that is no list of vectors."""
        self.check_reply(members)
        outputs = members["outputs"]
        rows = _rows(outputs[0] if outputs else None)
        data = tuple(Vector(place, row) for place, row in enumerate(rows))
        return EmbeddingsReply(str(members.get("model_name") or ""), data)

    def usage_of(self, members: Members) -> Usage | None:
        """None: tensors are not counted."""
        return None


def _rows(tensor: Any) -> list[list[float]]:
    """The vectors of a tensor of the shape [items, width], whose data is flat."""
    shape, data = (tensor.get("shape"), tensor.get("data")) if isinstance(tensor, Mapping) else (None, None)
    sized = isinstance(shape, list) and len(shape) == 2 and all(type(size) is int and size >= 0 for size in shape)
    if not sized or not isinstance(shape, list) or not isinstance(data, list) or len(data) != prod(shape):
        raise BadGatewayError("the upstream's output is no tensor of the shape [items, width]")
    items, width = shape
    return [data[place * width : (place + 1) * width] for place in range(items)]


TRITON_INFER: Final = TritonInfer()
