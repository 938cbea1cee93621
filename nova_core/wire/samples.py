"""One sample of each thing that a chat request can ask for: to find out what a provider makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.wire.openai_chat import OPENAI_CHAT

PIXEL: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SILENCE: Final = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
PAPER: Final = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK"
PICTURE: Final = {"type": "image_url", "image_url": {"url": PIXEL}}
SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL: Final = {
    "type": "function",
    "function": {"name": "look_up", "description": "Looks a city up.", "parameters": SCHEMA},
}
QUESTION: Final = {"type": "text", "text": "What is this?"}


def said(*parts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A question, and these parts of content after it."""
    return [{"role": "user", "content": [QUESTION, *parts] if parts else QUESTION["text"]}]


@dataclass(frozen=True, slots=True)
class Asked:
    """The least that an operation can be asked: members of a caller's request, without the model."""

    operation: Operation
    dialect: Dialect
    members: Mapping[str, Any]

    def request(self, model: str, **more: Any) -> Request:
        """A request for it, with more members."""
        return Request(self.operation, self.dialect, {"model": model, **self.members, **more})


CHAT: Final = Asked("chat", OPENAI_CHAT, {"messages": said()})


@dataclass(frozen=True, slots=True)
class Sample:
    """Members of a request that ask for one thing; `where` is the path of a note on all of it.

    `beside` are members that it needs beside it, and that ask for nothing new; `of` is what it is asked beside.
    """

    where: str
    members: Mapping[str, Any]
    beside: Mapping[str, Any]
    of: Asked = CHAT

    def request(self, model: str, *, without: bool = False) -> Request:
        """A request that asks for it, or the same one that does not."""
        return self.of.request(model, **{**self.beside, **({} if without else self.members)})


def _content(part: Mapping[str, Any]) -> Sample:
    return Sample("messages[0].content[1]", {"messages": said(part)}, {})


def _member(name: str, value: Any, **beside: Any) -> Sample:
    return Sample(name, {name: value}, beside)


_with_tools = partial(_member, tools=[TOOL])
_FORMAT: Final = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
_CACHED: Final = {**QUESTION, "cache_control": {"type": "ephemeral"}}
_CALLS: Final = [
    {"id": f"call_{city}", "type": "function", "function": {"name": "look_up", "arguments": f'{{"city":"{city}"}}'}}
    for city in ("Oslo", "Rome")
]
PARALLEL: Final = [
    *said(),
    {"role": "assistant", "tool_calls": _CALLS},
    *({"role": "tool", "tool_call_id": call["id"], "content": "a city"} for call in _CALLS),
]
_SYSTEM: Final = [{"role": "system", "content": "Be brief."}, *said()]

ABILITIES: Final[Mapping[str, Sample]] = {
    "system_messages": Sample("messages[0]", {"messages": _SYSTEM}, {}),
    "vision": _content(PICTURE),
    "audio_input": _content({"type": "input_audio", "input_audio": {"data": SILENCE, "format": "wav"}}),
    "pdf_input": _content({"type": "file", "file": {"filename": "paper.pdf", "file_data": PAPER}}),
    "function_calling": _member("tools", [TOOL]),
    "parallel_function_calling": Sample("messages", {"messages": PARALLEL}, {"tools": [TOOL]}),
    "tool_choice": _with_tools("tool_choice", {"type": "function", "function": {"name": "look_up"}}),
    "response_schema": _member("response_format", _FORMAT),
    "reasoning": _member("reasoning_effort", "high"),
    "prompt_caching": Sample(
        "messages[0].content[0].cache_control", {"messages": [{"role": "user", "content": [_CACHED]}]}, {}
    ),
    "web_search": _member("web_search_options", {"search_context_size": "low"}),
}
"""By the ability, named as in `model_info` without `supports_`."""

PARAMETERS: Final[Mapping[str, Sample]] = {
    "max_tokens": _member("max_tokens", 1234),
    "max_completion_tokens": _member("max_completion_tokens", 1234),
    "temperature": _member("temperature", 0.3),
    "top_p": _member("top_p", 0.7),
    "top_k": _member("top_k", 17),
    "stop": _member("stop", ["THE END"]),
    "n": _member("n", 2),
    "seed": _member("seed", 4711),
    "presence_penalty": _member("presence_penalty", 0.5),
    "frequency_penalty": _member("frequency_penalty", 0.5),
    "logit_bias": _member("logit_bias", {"50256": -100}),
    "logprobs": _member("logprobs", True),
    "top_logprobs": _member("top_logprobs", 3, logprobs=True),
    "response_format": _member("response_format", {"type": "json_object"}),
    "tools": ABILITIES["function_calling"],
    "tool_choice": _with_tools("tool_choice", "required"),
    "parallel_tool_calls": _with_tools("parallel_tool_calls", False),
    "reasoning_effort": ABILITIES["reasoning"],
    "verbosity": _member("verbosity", "low"),
    "modalities": _member("modalities", ["text", "audio"]),
    "audio": _member("audio", {"voice": "alloy", "format": "wav"}),
    "prediction": _member("prediction", {"type": "content", "content": "Oslo"}),
    "web_search_options": ABILITIES["web_search"],
    "user": _member("user", "user-4711"),
    "safety_identifier": _member("safety_identifier", "user-4711"),
    "metadata": _member("metadata", {"ticket": "4711"}),
    "service_tier": _member("service_tier", "flex"),
    "store": _member("store", True),
    "prompt_cache_key": _member("prompt_cache_key", "key-4711"),
}
"""By OpenAI's name of the parameter."""

SAMPLES: Final[Mapping[str, Sample]] = {**PARAMETERS, **ABILITIES}
"""An ability of a parameter's name (`tool_choice`) asks for the most that the parameter can say."""
