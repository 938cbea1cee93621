"""TwelveLabs' Marengo: embeddings of a text, an image, or both."""

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

SECOND: Final = "marengo-embed-2"
"""What the names of the older models say, which take what they embed beside its type."""


class MarengoEmbed(EmbeddingsOf):
    """`{"inputType", …}`: one item, one vector. Video and audio are embedded by jobs alone."""

    name = "marengo_embed"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """The only item. Raises BadRequestError for several, and for what is neither text nor image."""
        notes = Notes()
        request = plain_request(typed, notes)
        item = only_item(request)
        options = extras(request, ("textTruncate",), notes)
        for name in ("task", "dimensions"):
            if getattr(request, name) is not None:
                notes.lost(name, "the model has no such choice")
        text = item if isinstance(item, str) else item.get("text") if isinstance(item, Mapping) else None
        image = item.get("image") if isinstance(item, Mapping) else None
        said = _older(text, image, notes) if SECOND in request.model else _said(text, image)
        return {"model": request.model, **said, **options}, notes.fidelity()

    def vectors_of(self, members: Members) -> list[Any]:
        """The only vector, the first among the results or the result itself."""
        found = decoded(members.get("data", members.get("embedding")))
        found = found[0] if isinstance(found, list) and found and isinstance(found[0], Mapping) else found
        vector = found.get("embedding") if isinstance(found, Mapping) else found
        if not isinstance(vector, list):
            raise BadGatewayError("the upstream's answer has no `embedding`")
        return [vector]


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
        raise BadRequestError("the model embeds texts and images", param="input")
    return words


def _source(image: Any) -> Body:
    if isinstance(image, str) and image.startswith("s3://"):
        return {"s3Location": {"uri": image}}
    found = data_url(image) if isinstance(image, str) else None
    if not isinstance(image, str) or (found is None and "://" in image[:12]):
        raise BadRequestError("an image is data, or an address in S3 (s3://…)", param="input")
    return {"base64String": found[1] if found is not None else image}


MARENGO_EMBED: Final = MarengoEmbed()
