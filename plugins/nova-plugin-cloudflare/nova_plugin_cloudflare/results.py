"""The envelope that models answer in when they are run in their own words."""

# https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nova_core.errors import BadGatewayError
from nova_core.types.message import Members, decoded
from nova_core.wire.upstream_errors import facts_of, redacted


def result_of(members: Members) -> Mapping[str, Any]:
    """What is in `result`. Raises BadGatewayError for a failure, and for what is no such envelope."""
    if decoded(members.get("success")) is False:
        said = facts_of(msgspec.json.encode({"errors": decoded(members.get("errors"))})).message
        raise BadGatewayError(f"the upstream answered 200 with an error: {redacted(said) or 'no message'}")
    result = decoded(members.get("result"))
    if not isinstance(result, Mapping):
        raise BadGatewayError("the upstream's answer has no `result`")
    return result
