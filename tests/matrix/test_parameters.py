"""Every parameter of a chat is on the wire of every provider, refused by name, or named as dropped."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import iscoroutinefunction
from typing import Any

import pytest

from nova_core.errors import NovaError, UnsupportedParamsError
from nova_core.testing import UpstreamConformance
from nova_core.types.call import Call, CallOptions
from nova_core.types.chat import (
    CacheBreakpoint,
    ChatRequest,
    Message,
    Reasoning,
    ResponseFormat,
    Text,
    Tool,
    ToolChoice,
)
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from tests.house.kits import kits
from tests.matrix.providers import ROWS

DIALECTS: tuple[Dialect, ...] = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, GEMINI_GENERATE)
ANY_MODEL = "model-a"
TOOL = Tool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
BASE = ChatRequest("g", (Message("user", (Text("What is it?"),)),), max_tokens=5000)
VALUES: dict[str, Any] = {
    "tools": (TOOL,),
    "tool_choice": ToolChoice("required"),
    "parallel_tool_calls": False,
    "max_tokens": 77,
    "temperature": 0.25,
    "top_p": 0.75,
    "top_k": 7,
    "stop": ("END",),
    "n": 2,
    "seed": 11,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.25,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 3,
    "response_format": ResponseFormat("json_schema", "answer", SCHEMA, True),
    "reasoning": Reasoning(effort="high"),
    "verbosity": "low",
    "modalities": ("text", "audio"),
    "user": "u-1",
    "metadata": {"team": "a"},
    "service_tier": "flex",
    "store": True,
    "prompt_cache_key": "k",
    "stream": True,
    "include_usage": True,
    "cache": CacheBreakpoint("1h"),
    "extra": {"openai_chat": {"made_up": 1}},
}
BESIDE: dict[str, dict[str, Any]] = {
    "tool_choice": {"tools": (TOOL,)},
    "parallel_tool_calls": {"tools": (TOOL,)},
    "top_logprobs": {"logprobs": True},
    "include_usage": {"stream": True},
}
"""What a parameter means nothing without."""
OF_THE_GATEWAY = {("openai_responses", "store"), ("openai_responses", "metadata")}
"""Where a provider does not speak this dialect the gateway keeps the response itself, and what is noted on it."""
ANSWER_THEMSELVES = {"any_llm", "echo", "local", "vllm"}
"""Nothing of theirs goes over a wire: tests of their own hold them to what they say of each parameter."""
SAID_IN_HEADERS = "X-Amzn-Bedrock-"
UNASKED = {"include_usage", "stream"}
"""The gateway knows these without the upstream: it counts, and some vendors say in the path that they stream."""


@dataclass(frozen=True, slots=True)
class Provider:
    plugin: Any
    deployment: Deployment

    def sent(self, request: Request, *, drop: bool = False) -> tuple[Any, set[str]]:
        """What would go upstream (address, body, and headers that stand for members), and the fields that are named
        with what becomes of them.
        """
        call = Call(request, options=CallOptions(drop_params=drop))
        exchange = self.plugin.provider_call(call, request, self.deployment)
        assert isinstance(exchange, Exchange)
        upstream = exchange.request
        said = {name: value for name, value in upstream.headers if name.startswith(SAID_IN_HEADERS)}
        return (upstream.url, upstream.body, said), {note.field for note in exchange.fidelity.notes}


@cache
def provider(entry: EntryPoint, model: str) -> Provider | None:
    """The provider with a deployment; None where it does not chat, or asks somebody else first (for a token)."""
    plugin = entry.load()
    if isinstance(plugin, type) or iscoroutinefunction(plugin.provider_call):
        return None
    settings = {
        "vertex_project": "p", "vertex_location": "us-central1", "oci_compartment_id": "c", "project_id": "p",
        "token": "a-token-of-tests",
    }  # fmt: skip
    made = Deployment(
        "d",
        "g",
        entry.name,
        model,
        api_base="http://127.0.0.1:9/v1",
        api_key=Secret("a-key-of-tests"),
        settings=settings,
    )
    try:
        found = Provider(plugin, plugin.complete(made, {}))
        (_, body, _), _ = found.sent(Request("chat", OPENAI_CHAT, None, BASE))
    except (NovaError, AssertionError):
        return None
    return found if b"What is it?" in (body or b"") else None


def entries() -> list[tuple[EntryPoint, str]]:
    """Every provider that is installed, with a plain name of a model; those of the matrix with their own."""
    known = {entry.name: entry for entry in entry_points(group="nova.providers")}
    models = dict.fromkeys(model for row in ROWS.values() for model in (row.model, row.thinks) if model)
    named = [tuple(model.split("/", 1)) for model in models]
    return [(entry, ANY_MODEL) for entry in known.values()] + [(known[name], model) for name, model in named]


def said(dialect: Dialect, field: str) -> tuple[Request, Request] | None:
    """A caller's request without a parameter and with it; None where the dialect has no words for it."""
    without = replace(BASE, **BESIDE.get(field, {}))
    members, _ = dialect.render_request(without)
    more, fidelity = dialect.render_request(replace(without, **{field: VALUES[field]}))
    if more == members or fidelity.lost:
        return None
    return Request("chat", dialect, members), Request("chat", dialect, more)


def accounted(found: Provider, dialect: Dialect, field: str) -> bool:
    """Whether a parameter is sent, named, or refused by a name that is then the one that is dropped."""
    requests = said(dialect, field)
    if requests is None:
        return True
    try:
        plain, named = found.sent(requests[0], drop=True)
        try:
            sent, notes = found.sent(requests[1])
        except UnsupportedParamsError as error:
            _, notes = found.sent(requests[1], drop=True)
            return error.param in notes and f"`{error.param}`" in error.message
    except NovaError as error:
        return "`" in error.message
    was_said = getattr(BASE, field) is not None
    return sent != plain or bool(notes if was_said else notes - named)


def test_every_parameter_of_the_typed_request_has_a_value_here() -> None:
    assert set(VALUES) == {field.name for field in fields(ChatRequest)} - {"model", "messages"}


@pytest.mark.parametrize(("entry", "model"), entries(), ids=lambda value: getattr(value, "name", value))
def test_nothing_that_a_caller_says_is_silently_lost(entry: EntryPoint, model: str) -> None:
    found = provider(entry, model)
    if found is None:
        pytest.skip("does not chat, or asks for a token first")
    lost = {
        f"{dialect.name} {field}"
        for dialect in (DIALECTS[::2] if model == ANY_MODEL else DIALECTS)
        for field in VALUES
        if field not in UNASKED and (dialect.name, field) not in OF_THE_GATEWAY and not accounted(found, dialect, field)
    }
    assert lost == set()


def test_every_provider_that_chats_is_asked() -> None:
    asked = {entry.name for entry, model in entries() if provider(entry, model) is not None}
    by_their_kit = {kit.provider for kit in kits() if issubclass(kit, UpstreamConformance) and "chat" in kit.operations}
    chats = {entry.name for entry, _ in entries() if "chat" in operations_of(entry)}
    assert len(chats) > 130
    assert chats - asked - by_their_kit == ANSWER_THEMSELVES


def operations_of(entry: EntryPoint) -> frozenset[str]:
    """What a provider serves."""
    plugin = entry.load()
    served: frozenset[str] = (plugin() if isinstance(plugin, type) else plugin).operations(ANY_MODEL)
    return served
