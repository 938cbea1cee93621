"""A typed chat request into the members of `/api/chat`, and what became of each field."""

# https://docs.ollama.com/api/chat and …/modelfile#valid-parameters-and-values

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.types.chat import ChatRequest, HostedTool, Reasoning, Tool
from nova_core.types.fidelity import Fidelity
from nova_core.wire.drop_policy import is_default
from nova_core.wire.unsaid import note_schema
from nova_plugin_ollama.messages import render_messages
from nova_plugin_ollama.notes import Notes

OPTIONS: Final[Mapping[str, str]] = {
    "max_tokens": "num_predict",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Names of the typed model, and of `options`."""
OWN_OPTIONS: Final = frozenset(
    {
        "num_ctx", "num_keep", "num_predict", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap", "numa",
        "min_p", "typical_p", "tfs_z", "repeat_last_n", "repeat_penalty", "mirostat", "mirostat_eta", "mirostat_tau",
        "penalize_newline", "low_vram", "use_mlock", "logits_all", "vocab_only", "embedding_only",
    }
)  # fmt: skip
"""Options of this API that callers and operators may send beside those of another dialect."""
OWN_MEMBERS: Final = ("keep_alive", "think", "format", "truncate", "shift")
"""The same for top-level members; `options` as a whole is one, too."""
LEVELLED: Final = "gpt-oss"
"""Models that think at a level, where others only do or do not."""
LEVELS: Final[Mapping[str, str]] = {"minimal": "low", "xhigh": "high", "max": "high"}


def render(typed: ChatRequest) -> tuple[dict[str, Any], Fidelity]:
    """The members and the report. Raises BadRequestError for tool call arguments that are not a JSON object."""
    notes = Notes()
    # Where `stream` is left out, this API streams.
    members: dict[str, Any] = {"model": typed.model, "messages": render_messages(typed, notes), "stream": typed.stream}
    options: dict[str, Any] = {
        said: value for name, said in OPTIONS.items() if (value := getattr(typed, name)) is not None
    }
    if typed.stop:
        options["stop"] = list(typed.stop)
    members |= _tools(typed, notes) | _format(typed, notes) | _thinking(typed, notes)
    for name in ("logprobs", "top_logprobs"):
        if (value := getattr(typed, name)) is not None:
            members[name] = value
    _own_words(typed, members, options, notes)
    if options:
        members["options"] = options
    _unsaid(typed, notes)
    return members, notes.fidelity()


def _tools(typed: ChatRequest, notes: Notes) -> dict[str, Any]:
    tools: list[dict[str, Any]] = []
    for place, tool in enumerate(typed.tools):
        path = f"tools[{place}]"
        if isinstance(tool, HostedTool):
            notes.lost(path, f"only {tool.dialect} knows {tool.raw.get('type', 'this tool')}")
        else:
            tools.append(_tool(tool, path, notes))
    _parallel(typed, notes)
    choice = typed.tool_choice
    if choice is None or not tools:
        if choice is not None:
            (notes.lost if choice.mode in ("required", "named") else notes.hint)(
                "tool_choice", "there are no functions"
            )
        return {"tools": tools} if tools else {}
    notes.foreign(choice.extra, "tool_choice")
    if choice.mode == "none":
        notes.mapped("tool_choice", "no tools are sent")
        return {}
    (notes.hint if choice.mode == "auto" else notes.lost)("tool_choice", "the model decides whether it calls a tool")
    return {"tools": tools}


def _tool(tool: Tool, path: str, notes: Notes) -> dict[str, Any]:
    if tool.strict:
        notes.hint(f"{path}.function.strict")
    notes.unmarked(tool.cache, path)
    notes.foreign(tool.extra, path)
    function: dict[str, Any] = {"name": tool.name, "description": tool.description or ""}
    function["parameters"] = dict(tool.schema) if tool.schema is not None else {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _parallel(typed: ChatRequest, notes: Notes) -> None:
    if typed.parallel_tool_calls is not None:
        harmless = typed.parallel_tool_calls or not typed.tools
        (notes.hint if harmless else notes.lost)("parallel_tool_calls", "the model decides how many tools it calls")


def _format(typed: ChatRequest, notes: Notes) -> dict[str, Any]:
    wanted = typed.response_format
    if wanted is None or wanted.kind == "text":
        return {}
    note_schema(wanted, notes, "answers always follow the schema")
    return {"format": dict(wanted.schema) if wanted.schema is not None else "json"}


def _thinking(typed: ChatRequest, notes: Notes) -> dict[str, Any]:
    wanted = typed.reasoning
    if wanted is None or wanted == Reasoning():
        return {}
    if wanted.summary is not None:
        notes.hint("reasoning_effort.summary", "thoughts come as they are")
    if wanted.mode == "disabled" or wanted.effort == "none":
        notes.mapped("reasoning_effort", "think: false")
        return {"think": False}
    if wanted.effort is None and wanted.budget is None and wanted.mode is None:
        return {}
    if wanted.budget is not None:
        notes.approximated("thinking.budget_tokens", "the model decides how long it thinks")
    if wanted.effort is not None and LEVELLED in typed.model:
        level = LEVELS.get(wanted.effort, wanted.effort)
        if level != wanted.effort:
            notes.approximated("reasoning_effort", f"sent as {level}")
        return {"think": level}
    if wanted.effort is not None:
        notes.approximated("reasoning_effort", "models of this kind think or do not: think: true")
    return {"think": True}


def _own_words(typed: ChatRequest, members: dict[str, Any], options: dict[str, Any], notes: Notes) -> None:
    """Extras of other dialects: this API's own words are sent, the rest is noted."""
    left: dict[str, dict[str, Any]] = {}
    for dialect, extra in typed.extra.items():
        for name, value in extra.items():
            if name in OWN_OPTIONS:
                options[name] = value
            elif name == "options" and isinstance(value, Mapping):
                options |= {option: said for option, said in value.items() if option not in options}
            elif name in OWN_MEMBERS:
                members[name] = value
            else:
                left.setdefault(dialect, {})[name] = value
    notes.foreign(left)


def _unsaid(typed: ChatRequest, notes: Notes) -> None:
    """Fields without a word here."""
    for name in ("n", "logit_bias"):
        if (value := getattr(typed, name)) is not None:
            (notes.hint if is_default(name, value) else notes.lost)(name)
    if typed.modalities and typed.modalities != ("text",):
        notes.lost("modalities", "answers are text")
    for name in ("user", "metadata", "prompt_cache_key", "verbosity", "store", "service_tier"):
        if getattr(typed, name) is not None:
            notes.hint(name)
    if typed.include_usage is not None:
        notes.mapped("stream_options.include_usage", "usage is always streamed")
    notes.unmarked(typed.cache)
