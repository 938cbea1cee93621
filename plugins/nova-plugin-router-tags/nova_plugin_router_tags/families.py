"""Which provider a bare model name belongs to, by how vendors name their models."""

from __future__ import annotations

FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "openai",
        ("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-", "tts-1", "whisper-1"),
    ),
    ("anthropic", ("claude-",)),
    ("gemini", ("gemini-",)),
    ("cohere_chat", ("command-",)),
    ("deepseek", ("deepseek-",)),
    ("xai", ("grok-",)),
    ("perplexity", ("sonar",)),
    ("remodlai", ("nova-",)),
)
"""Provider name and the beginnings of its models' names. Used only where a pattern for that provider exists."""


def provider_of(name: str) -> str | None:
    """The provider of a bare name; None for names that say nothing, or that have a prefix already."""
    if "/" in name:
        return None
    return next((provider for provider, starts in FAMILIES if name.startswith(starts)), None)
