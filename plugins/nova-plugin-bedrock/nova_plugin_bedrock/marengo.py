"""TwelveLabs' Marengo: embeddings of a text, an image, or both, and by jobs of a video's or a sound's segments."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-marengo.html and …-marengo-3.html

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, TypedRequest, decoded
from nova_core.wire.openai_chat.content import data_url
from nova_core.wire.plain_vectors import plain_request
from nova_plugin_bedrock.embeddings import EmbeddingsOf, extras, only_item
from nova_plugin_bedrock.notes import Body, Notes
from nova_plugin_bedrock.segments import Segmented

SECOND: Final = "marengo-embed-2"
"""What the names of the older models say, which take what they embed beside its type."""


OF_MEDIA: Final = (
    *("startSec", "endSec", "lengthSec", "useFixedLengthSec", "minClipSec", "segmentation"),
    *("embeddingOption", "embeddingScope", "embeddingType"),
)
"""The models' own words for what is embedded of a video or a sound."""
OWNER: Final = "bucketOwner"


class MarengoEmbed(EmbeddingsOf):
    """`{"inputType", …}`: one item, one vector. Videos and sounds are embedded by jobs alone."""

    name = "marengo_embed"
    own: tuple[str, ...] = ("textTruncate",)

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The only item. Raises BadRequestError for several, and for what is neither text nor image."""
        notes = Notes()
        request = plain_request(typed, notes)
        item = only_item(request)
        options = extras(request, self.own, notes)
        for name in ("task", "dimensions"):
            if getattr(request, name) is not None:
                notes.lost(name, "the model has no such choice")
        return {"model": request.model, **self.said(request.model, item, options, notes)}, notes.fidelity()

    def said(self, model: str, item: Any, options: Body, notes: Notes) -> Body:
        """The item in the model's words. Raises BadRequestError for what it does not embed."""
        text = item if isinstance(item, str) else item.get("text") if isinstance(item, Mapping) else None
        image = item.get("image") if isinstance(item, Mapping) else None
        return {**(_older(text, image, notes) if SECOND in model else _said(text, image)), **options}

    def vectors_of(self, members: Members) -> list[Any]:
        """The only vector, the first among the results or the result itself."""
        found = decoded(members.get("data", members.get("embedding")))
        found = found[0] if isinstance(found, list) and found and isinstance(found[0], Mapping) else found
        vector = found.get("embedding") if isinstance(found, Mapping) else found
        if not isinstance(vector, list):
            raise BadGatewayError("the upstream's answer has no `embedding`")
        return [vector]


class MarengoSegments(Segmented, MarengoEmbed):
    """The same by jobs, for videos and sounds too: one item, a vector for each of its segments."""

    name = "marengo_segments"
    own = ("textTruncate", OWNER, *OF_MEDIA)

    def said(self, model: str, item: Any, options: Body, notes: Notes) -> Body:
        """The item in the model's words. Raises BadRequestError for what it does not embed."""
        kind = next((kind for kind in ("video", "audio") if isinstance(item, Mapping) and kind in item), None)
        owner = {OWNER: options.pop(OWNER)} if OWNER in options else {}
        if kind is None:
            return super().said(model, item, options, notes)
        for name in item:
            if name != kind:
                notes.lost(f"input.{name}", "the model embeds one of them")
        source = _source(item[kind])
        if owner and "s3Location" in source:
            source["s3Location"] |= owner
        media = {"mediaSource": source, **options}
        return {"inputType": kind, **(media if SECOND in model else {kind: media})}


def _said(text: Any, image: Any) -> Body:
    source = {} if image is None else {"mediaSource": _source(image)}
    words = {"inputText": text} if isinstance(text, str) else {}
    if words and source:
        return {"inputType": "text_image", "text_image": {**words, **source}}
    if source:
        return {"inputType": "image", "image": source}
    return {"inputType": "text", "text": _needed(words)}


def _older(text: Any, image: Any, notes: Notes) -> Body:
    if image is None:
        return {"inputType": "text", **_needed({"inputText": text} if isinstance(text, str) else {})}
    if text is not None:
        notes.lost("input.text", "the model embeds a text or an image")
    return {"inputType": "image", "mediaSource": _source(image)}


def _needed(words: Body) -> Body:
    if not words:
        raise BadRequestError("the model embeds texts and images, and others by jobs (`async_invoke/`)", param="input")
    return words


def _source(media: Any) -> Body:
    if isinstance(media, str) and media.startswith("s3://"):
        return {"s3Location": {"uri": media}}
    found = data_url(media) if isinstance(media, str) else None
    if not isinstance(media, str) or (found is None and "://" in media[:12]):
        raise BadRequestError("images, videos and sounds are data, or addresses in S3 (s3://…)", param="input")
    return {"base64String": found[1] if found is not None else media}


MARENGO_EMBED: Final = MarengoEmbed()
MARENGO_SEGMENTS: Final = MarengoSegments()
