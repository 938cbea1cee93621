"""What Cohere's errors mean where status and usual words do not say it."""

# https://docs.cohere.com/reference/errors

from __future__ import annotations

import re
from typing import Final

from nova_core.errors import NovaError
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.upstream_errors import classify, facts_of

BLOCKED: Final = 498
"""The prompt or the answer holds words of a deny list."""
CONTEXT: Final = re.compile(r"too many tokens|exceeds? the (model's )?(context|maximum number of) ")
CREDENTIALS: Final = re.compile(r"invalid api token|no api key")


def read_error(response: UpstreamResponse) -> NovaError:
    """The error of a whole response with a status of 400 and above."""
    facts, status, code = facts_of(response.body), response.status, None
    words = facts.message.lower()
    if status == BLOCKED:
        code = "content_policy_violation"
    elif status in (400, 413, 422) and CONTEXT.search(words):
        code = "context_length_exceeded"
    elif status == 400 and CREDENTIALS.search(words):
        status = 401
    message = facts.message or f"the upstream answered {response.status} without a message"
    return classify(status, message, code or facts.code, facts.type, headers=response.headers)
