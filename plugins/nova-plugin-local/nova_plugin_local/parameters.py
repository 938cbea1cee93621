"""What of a request the local models honour."""

from __future__ import annotations

CHAT_MEMBERS = frozenset({"model", "messages", "stream", "stream_options"})
EMBEDDING_MEMBERS = frozenset(
    {"model", "input", "dimensions", "encoding_format", "task", "truncate", "input_type", "prompt_name", "taskType",
     "task_type"}
)  # fmt: skip
"""The adapters of a local model share their weights, so a task changes nothing here."""
UNREAD = frozenset({"vision", "audio_input", "pdf_input"})
"""Abilities of models that read more than text."""
