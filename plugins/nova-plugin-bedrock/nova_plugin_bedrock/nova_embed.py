"""Nova's multimodal embeddings: of one text, image, sound or video, or of its segments."""

# https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, TypedRequest, decoded
from nova_core.wire.openai_chat.content import data_url
from nova_core.wire.plain_vectors import plain_request
from nova_plugin_bedrock.embeddings import EmbeddingsOf, cohere_task, extras, item_said, only_item
from nova_plugin_bedrock.notes import Body, Notes
from nova_plugin_bedrock.segments import Segmented

PURPOSES: Final[Mapping[str, str]] = {
    "search_query": "GENERIC_RETRIEVAL",
    "search_document": "GENERIC_INDEX",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
"""Nova's purposes by Cohere's tasks; its other ones are said by their own names."""
OWN_PURPOSE: Final = re.compile(
    r"(TEXT|IMAGE|VIDEO|DOCUMENT|AUDIO|GENERIC)_(RETRIEVAL|INDEX)|CLASSIFICATION|CLUSTERING"
)
FORMATS: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"png", "jpeg", "gif", "webp"}),
    "audio": frozenset({"mp3", "wav", "ogg"}),
    "video": frozenset({"mp4", "mov", "mkv", "webm", "flv", "mpeg", "mpg", "wmv", "3gp"}),
}
SPELLINGS: Final[Mapping[tuple[str, str], str]] = {
    ("image", "jpg"): "jpeg", ("audio", "mpeg"): "mp3", ("audio", "x-wav"): "wav", ("audio", "wave"): "wav",
    ("video", "quicktime"): "mov", ("video", "x-matroska"): "mkv", ("video", "x-flv"): "flv",
    ("video", "x-ms-wmv"): "wmv", ("video", "3gpp"): "3gp",
}  # fmt: skip
"""Formats by other names that types of content and files have."""
TOGETHER: Final = "AUDIO_VIDEO_COMBINED"
OF_KIND: Final = {"embeddingMode": ("video",), "detailLevel": ("image",)}
"""The model's own words, and what they are about."""


class NovaEmbed(EmbeddingsOf):
    """`{"taskType", "singleEmbeddingParams"}`: one item, one vector. A text that is too long is an error."""

    name = "nova_embed"
    task = "SINGLE_EMBEDDING"
    params = "singleEmbeddingParams"
    own: Mapping[str, tuple[str, ...]] = OF_KIND

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The only item. Raises BadRequestError for several, and for media of formats that the model has not."""
        notes = Notes()
        request = plain_request(typed, notes)
        options = extras(request, ("input_type", "truncate", *self.own), notes)
        task = str(options.pop("input_type", None) or request.task or "search_document")
        truncate = str(options.pop("truncate", None) or "NONE")
        purpose = task if OWN_PURPOSE.fullmatch(task) else PURPOSES.get(cohere_task(task))
        if purpose is None:
            notes.lost("task", "the model has no such task")
        asked: Body = {"embeddingPurpose": purpose or "GENERIC_INDEX"}
        if request.dimensions is not None:
            asked["embeddingDimension"] = request.dimensions
        kind, content = self._content(only_item(request), truncate, notes)
        for name in options:
            if kind not in self.own[name]:
                notes.lost(name, f"it is not about {kind}")
        said = {name: value for name, value in options.items() if kind in self.own[name]}
        asked[kind] = {**self.defaults(kind), **content, **said}
        return {"model": request.model, "taskType": self.task, self.params: asked}, notes.fidelity()

    def defaults(self, kind: str) -> Body:
        """What the model needs to be told besides."""
        return {"embeddingMode": TOGETHER} if kind == "video" else {}

    def _content(self, item: Any, truncate: str, notes: Notes) -> tuple[str, Body]:
        kind = next(iter(item), "") if isinstance(item, Mapping) and len(item) == 1 else ""
        if kind in FORMATS and isinstance(item[kind], str):
            return kind, _media(kind, item[kind])
        text = item_said(item, notes, pictures=False).get("inputText", "")
        return "text", {"truncationMode": truncate.upper(), "value": text}

    def vectors_of(self, members: Members) -> list[Any]:
        """The vectors of an answer. Raises BadGatewayError."""
        found = decoded(members.get("embeddings"))
        first = found[0] if isinstance(found, list) and found else None
        vector = first.get("embedding") if isinstance(first, Mapping) else None
        if not isinstance(vector, list):
            raise BadGatewayError("the upstream's answer has no `embeddings`")
        return [vector]


class NovaSegments(Segmented, NovaEmbed):
    """`{"taskType", "segmentedEmbeddingParams"}`: one item, a vector for each of its segments."""

    name = "nova_segments"
    task = "SEGMENTED_EMBEDDING"
    params = "segmentedEmbeddingParams"
    own: Mapping[str, tuple[str, ...]] = {**OF_KIND, "segmentationConfig": ("text", "audio", "video")}

    def defaults(self, kind: str) -> Body:
        """How long segments are is the model's choice, where nobody says."""
        return super().defaults(kind) | ({} if kind == "image" else {"segmentationConfig": {}})


def _media(kind: str, said: str) -> Body:
    """An image, sound or video as data, or in S3. Raises BadRequestError."""
    found = data_url(said)
    source: Body
    if found is not None and (found[0] or "").startswith(f"{kind}/"):
        named, source = (found[0] or "").partition("/")[2], {"bytes": found[1]}
    elif said.startswith("s3://"):
        named, source = said.rpartition(".")[2].lower(), {"s3Location": {"uri": said}}
    else:
        raise BadRequestError(f"`{kind}` is data (data:{kind}/…), or an address in S3 (s3://…)", param="input")
    form = SPELLINGS.get((kind, named), named)
    if form not in FORMATS[kind]:
        raise BadRequestError(f"the model knows {kind} in {', '.join(sorted(FORMATS[kind]))}", param="input")
    return {"format": form, "source": source}


NOVA_EMBED: Final = NovaEmbed()
NOVA_SEGMENTS: Final = NovaSegments()
