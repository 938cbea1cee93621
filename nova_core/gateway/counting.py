"""Counts prompt tokens offline, for providers and servers that cannot be asked."""

from __future__ import annotations

import re
from typing import Final

from nova_core.errors import BadRequestError, NovaError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.tokens import count_chat

NO_METHOD: Final = frozenset({405, 501})
NO_PATH: Final = frozenset({"404", "not_found", "unknown_url"})
"""Codes of a 404 that may be about the path; all others say what it was that is not there."""
A_MODEL: Final = re.compile(r"\bmodels?\b", re.IGNORECASE)
KEPT_UPSTREAM: Final = ("previous_response_id", "conversation")
"""Members that stand for what only the upstream knows."""


def counted_reply(call: Call, request: Request) -> Reply:
    """The reply to a count_tokens request, by the gateway's own tokenizer: near the vendor's count, not exact.

    The caller is told by a header, `token-count: estimated`.
    """
    call.reply_headers["token-count"] = "estimated"
    return Reply("count_tokens", ANTHROPIC_COUNT_TOKENS, {"input_tokens": count_chat(request.chat)})


def has_no_counting(error: NovaError, deployment: Deployment) -> bool:
    """Whether an upstream's error says that its server has no counting, and not that it lacks the model."""
    if not error.from_upstream or error.param is not None:
        return False
    if error.status in NO_METHOD:
        return True
    about_model = A_MODEL.search(error.message) or deployment.model in error.message
    return error.status == 404 and error.code.lower() in NO_PATH and not about_model


def counted_instead(call: Call, request: Request, deployment: Deployment) -> Reply:
    """`counted_reply` where the upstream cannot be asked. Raises BadRequestError for what only it knows."""
    for name in KEPT_UPSTREAM:
        if request.get(name) is not None:
            raise BadRequestError(
                f"the server of '{call.model}' counts no tokens, and what `{name}` stands for is kept there: "
                "send the conversation as `input`",
                param=name,
            )
    call.note("count", f"{deployment.id} has no counting, so the gateway counts")
    return counted_reply(call, request)
