"""How many tokens a prompt has: a bound that costs nothing first, and counting only where that does not settle it."""

from __future__ import annotations

import asyncio

from nova_core.errors import BadRequestError
from nova_core.types.call import Call, StashKey
from nova_core.types.message import Request
from nova_core.wire.tokens import count_chat, count_text

COUNTED = StashKey[tuple[Request, int, int | None]]("router-checks: counted")
MOST_OF_AN_IMAGE = 1445
"""Tokens of the largest image, which may be a short address in the body."""
WORTH_A_THREAD = 50_000
"""Bytes of a body that take some milliseconds to count."""


def at_most(body: bytes) -> int:
    """More tokens than this no prompt of this body has: a token is a byte at least, in JSON too."""
    return len(body) + MOST_OF_AN_IMAGE * body.count(b"image")


async def count_ahead(call: Call, request: Request, body: bytes, limit: int) -> None:
    """Count a long prompt in a thread, for `counted` to know."""
    if len(body) > WORTH_A_THREAD:
        call.stash[COUNTED] = (request, limit, await asyncio.to_thread(_count, request, limit))


def counted(call: Call, request: Request, limit: int) -> int | None:
    """Tokens of the prompt, of embeddings those of the longest item; above `limit` some number above it.

    None when they cannot be counted. Counted once for all groups that a call tries.
    """
    known = call.stash.get(COUNTED)
    if known is not None and known[0] is request and known[1] >= limit:
        return known[2]
    tokens = _count(request, limit)
    call.stash[COUNTED] = (request, limit, tokens)
    return tokens


def _count(request: Request, limit: int) -> int | None:
    try:
        if request.operation != "embedding":
            return count_chat(request.chat, limit)
        return max((_item(item, limit) for item in request.embeddings.input), default=0)
    except BadRequestError:
        return None


def _item(item: object, limit: int) -> int:
    text = item.get("text") if isinstance(item, dict) else item
    if isinstance(text, list):
        return len(text)
    return count_text(text, limit) if isinstance(text, str) else 0
