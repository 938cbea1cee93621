"""Where an account serves its models."""

# https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api and …/cortex-rest-api/embed-api

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

OWN: Final = "https://{SNOWFLAKE_ACCOUNT_ID}.snowflakecomputing.com"
PLACES: Final[Mapping[str, str]] = {
    "chat": "/api/v2/cortex/v1/chat/completions",
    "messages": "/api/v2/cortex/v1/messages",
    "embedding": "/api/v2/cortex/inference:embed",
}
KNOWN: Final = re.compile(r"/api/v2(/cortex(/v1(/messages|/chat/completions)?|/inference:[a-z]+)?)?$")
"""What may stand at the end of a base that was copied from documentation."""


def address(base: str, place: str) -> str:
    """Where `place` is served."""
    parts = urlsplit(base)
    path = KNOWN.sub("", parts.path.rstrip("/")) + PLACES[place]
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
