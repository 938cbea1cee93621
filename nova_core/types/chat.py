"""The typed model of a chat call: all that the four chat dialects can say.

Every part keeps what it does not know in `extra`, keyed by dialect name: `{"openai_chat": {...}}`.
A dialect renders back only its own extras; those of another dialect are reported as not expressible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nova_core.types.usage import Usage

Extra = Mapping[str, Mapping[str, Any]]

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "error"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


@dataclass(frozen=True, slots=True)
class CacheBreakpoint:
    """End of a prompt prefix that should be cached; `ttl` is `5m` or `1h`, None for the provider's default."""

    ttl: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where media is: exactly one of `url`, `data` (base64 text without a `data:` prefix), `file_id`, `text`."""

    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    text: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A citation on a text part. `raw` is the dialect's own object; the fields are what is common."""

    dialect: str
    raw: Mapping[str, Any]
    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    cache: CacheBreakpoint | None = None
    citations: tuple[Citation, ...] = ()
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    text: str
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    source: Source
    detail: str | None = None
    cache: CacheBreakpoint | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audio:
    """Input audio, or an assistant's audio reply (`id`, `transcript`, `expires_at`)."""

    source: Source
    format: str | None = None
    id: str | None = None
    transcript: str | None = None
    expires_at: int | None = None
    cache: CacheBreakpoint | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class File:
    """A document: PDF, plain text, or an uploaded file."""

    source: Source
    name: str | None = None
    title: str | None = None
    context: str | None = None
    citations: bool | None = None
    cache: CacheBreakpoint | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning text; `signature` must be replayed unchanged to the provider that made it."""

    text: str
    signature: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    data: str
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a function tool; `arguments` is JSON text exactly as the model wrote it, free text for `custom`."""

    id: str
    name: str
    arguments: str
    custom: bool = False
    cache: CacheBreakpoint | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to a tool call: text, image or file parts; `is_error` None when the dialect does not say."""

    call_id: str
    parts: tuple[Part, ...]
    is_error: bool | None = None
    name: str | None = None
    cache: CacheBreakpoint | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opaque:
    """A part that only `dialect` knows (hosted tool use and results, container uploads, …), kept whole."""

    dialect: str
    raw: Mapping[str, Any]


Part = Text | Refusal | Image | Audio | File | Thinking | RedactedThinking | ToolCall | ToolResult | Opaque


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. Tool results are parts of a `tool` message (one message may hold several, for parallel calls)."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    cache: CacheBreakpoint | None = None
    extra: Extra = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All text parts joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function tool; `schema` is JSON Schema of its arguments (None: no arguments)."""

    name: str
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    cache: CacheBreakpoint | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostedTool:
    """A tool that the provider runs (web search, code execution, …) or a custom tool, in its dialect's own words."""

    dialect: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolChoice:
    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """`json_schema` carries `schema`, `name` and `strict`."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How much to think: by `effort`, or by `budget` tokens; `mode` as Anthropic's thinking type when given."""

    effort: Effort | None = None
    budget: int | None = None
    mode: Literal["enabled", "disabled", "adaptive"] | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat request in no dialect. None means "not given": a default is never invented here."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool | HostedTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    n: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    modalities: tuple[str, ...] = ()
    user: str | None = None
    metadata: Mapping[str, Any] | None = None
    service_tier: str | None = None
    store: bool | None = None
    prompt_cache_key: str | None = None
    stream: bool = False
    include_usage: bool | None = None
    cache: CacheBreakpoint | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. `native_finish` is the upstream's own word when it differs; `stop_sequence` what was hit."""

    index: int
    message: Message
    finish: FinishReason | None
    native_finish: str | None = None
    stop_sequence: str | None = None
    logprobs: Mapping[str, Any] | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A whole chat answer. `created` is in Unix seconds."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    created: int | None = None
    service_tier: str | None = None
    fingerprint: str | None = None
    extra: Extra = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].message.text if self.choices else ""
