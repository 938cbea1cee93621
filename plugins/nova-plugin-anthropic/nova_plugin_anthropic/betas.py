"""Features that the Messages API serves only when `anthropic-beta` names them (Anthropic API reference)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from nova_core.types.message import Request

BY_TOOL: tuple[tuple[str, str], ...] = (
    ("computer_20241022", "computer-use-2024-10-22"),
    ("computer_20250124", "computer-use-2025-01-24"),
    ("computer_20251124", "computer-use-2025-11-24"),
    ("code_execution_20250522", "code-execution-2025-05-22"),
    ("code_execution_20250825", "code-execution-2025-08-25"),
    ("web_fetch_20250910", "web-fetch-2025-09-10"),
    ("memory_20250818", "context-management-2025-06-27"),
    ("tool_search_tool_", "advanced-tool-use-2025-11-20"),
)
"""Start of a hosted tool's type → what it needs."""

BY_MEMBER: tuple[tuple[str, str], ...] = (
    ("mcp_servers", "mcp-client-2025-04-04"),
    ("context_management", "context-management-2025-06-27"),
    ("output_format", "structured-outputs-2025-11-13"),
)
"""Member of the request → what it needs."""

FILE_ID = re.compile(rb'"file_id"\s*:')


def betas_for(request: Request) -> Iterator[str]:
    """The names that this request needs; the caller's own are added elsewhere."""
    tools = request.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        kind = str(tool.get("type", "")) if isinstance(tool, dict) else ""
        yield from (beta for start, beta in BY_TOOL if kind.startswith(start))
    yield from (beta for member, beta in BY_MEMBER if request.members.get(member) is not None)
    if FILE_ID.search(_bytes(request.members.get("messages"))):
        yield "files-api-2025-04-14"
    container = request.get("container")
    if isinstance(container, dict) and container.get("skills"):
        yield "skills-2025-10-02"
    if request.get("speed") == "fast":
        yield "fast-mode-2026-02-01"


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
