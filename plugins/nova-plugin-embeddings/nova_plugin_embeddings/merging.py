"""One reply out of the replies to the parts of a batch: items in order, vectors untouched, one usage total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.message import Reply
from nova_core.types.usage import Usage
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_plugin_embeddings.vectors import Datum, data_of, in_order


def merged(replies: Sequence[tuple[Sequence[int], Reply]], *, model: str) -> Reply:
    """`replies` are (places of the part's items in the batch, reply); every place occurs once.

    Usage is summed member by member, and left out when a part does not state its own. What is counted for the call
    is the sum of what is counted for the parts: an answer from a cache states usage and counts none.
    """
    placed: dict[int, Datum] = {}
    for places, reply in replies:
        data = in_order(data_of(reply))
        if len(data) != len(places):
            raise BadGatewayError(f"the upstream answered {len(data)} vectors for {len(places)} items")
        for place, datum in zip(places, data, strict=True):
            placed[place] = {"object": msgspec.Raw(b'"embedding"'), **datum, "index": msgspec.Raw(b"%d" % place)}
    members: dict[str, Any] = {
        "object": "list",
        "data": msgspec.Raw(msgspec.json.encode([placed[place] for place in sorted(placed)])),
        "model": model,
    }
    usages = [reply.get("usage") for _, reply in replies]
    if all(isinstance(usage, dict) for usage in usages):
        members["usage"] = total(usages)
    counted = [reply.usage for _, reply in replies if reply.usage is not None]
    usage = sum(counted, Usage()) if len(counted) == len(replies) else None
    return Reply("embedding", OPENAI_EMBEDDINGS, members, usage=usage)


def total(usages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sum, member by member; objects inside are summed too, anything else keeps its first value."""
    names = dict.fromkeys(name for usage in usages for name in usage)
    return {name: _sum([usage[name] for usage in usages if name in usage]) for name in names}


def _sum(values: Sequence[Any]) -> Any:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if numbers:
        return sum(numbers)
    objects = [value for value in values if isinstance(value, dict)]
    return total(objects) if objects else values[0]
