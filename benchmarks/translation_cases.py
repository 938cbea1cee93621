"""What is translated in the benchmark: one conversation and its answer, in every dialect and by every provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_script import Script, render
from nova_core.types.call import Call
from nova_core.types.chat import ChatReply, ChatRequest
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.events import Event, TextDelta
from nova_core.types.message import Reply, Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, FrameParser, UpstreamResponse
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.assemble import disassemble
from nova_core.wire.body import parse_members
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.gemini.framing import ContentParser
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.translate import translate_reply, translate_request

DIALECTS: Mapping[str, Dialect] = {
    "Chat Completions": OPENAI_CHAT,
    "Responses": OPENAI_RESPONSES,
    "Messages": ANTHROPIC_MESSAGES,
    "Gemini": GEMINI_GENERATE,
}
PROVIDERS: Mapping[str, tuple[str, str]] = {
    "openai": ("openai/gpt-4.1", "/v1"),
    "mistral": ("mistral/mistral-medium-latest", "/v1"),
    "groq": ("groq/llama-3.3-70b-versatile", "/v1"),
    "azure": ("azure/gpt-4.1", ""),
    "anthropic": ("anthropic/claude-sonnet-4-5", ""),
    "vertex_ai, Claude": ("vertex_ai/claude-sonnet-4-5", "/v1/projects/p/locations/us-central1"),
    "gemini": ("gemini/gemini-3.5-flash", "/v1beta"),
    "vertex_ai, Gemini": ("vertex_ai/gemini-3.5-flash", "/v1/projects/p/locations/us-central1"),
    "bedrock, Converse": ("bedrock/converse/anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
    "bedrock, Claude": ("bedrock/invoke/anthropic.claude-sonnet-4-5-20250929-v1:0", ""),
    "ollama": ("ollama/llama3.2", ""),
}
"""Models and the end of `api_base`."""
WORDS = 100
TEXT = "word " * WORDS
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
ASKED: dict[str, Any] = {
    "model": "public",
    "messages": [
        {"role": "system", "content": "Be brief. " * 20},
        *(
            {"role": role, "content": f"What is said in turn {turn}. " * 20}
            for turn in range(3)
            for role in ("user", "assistant")
        ),
        {"role": "user", "content": "What is it like in Oslo?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "minus seven degrees"},
    ],
    "tools": [TOOL],
    "max_tokens": 500,
    "temperature": 0.5,
}
"""Ten messages with a tool: about 4 KB."""
ANSWERED: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "upstream-model",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": TEXT, "tool_calls": [CALL]},
            "logprobs": None,
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure; `units` is how many requests, replies or chunks one run handles."""

    what: str
    row: str
    column: str
    run: Callable[[], object]
    units: int = 1


def typed_request() -> ChatRequest:
    """What is asked, in no dialect."""
    return OPENAI_CHAT.parse_request(ASKED)


def typed_reply() -> ChatReply:
    """What is answered, in no dialect."""
    return OPENAI_CHAT.parse_reply(ANSWERED)


def pairs() -> list[Case]:
    """The cases of each caller's dialect over each upstream's; the same one on both sides is passed through."""
    made: list[Case] = []
    for caller, mine in DIALECTS.items():
        body = Request("chat", mine, None, typed_request()).encode()
        for upstream, theirs in DIALECTS.items():
            answer = Reply("chat", theirs, None, typed_reply()).encode()
            pieces = _pieces(theirs)
            made += [
                Case("request", caller, upstream, _request(body, mine, theirs)),
                Case("reply", caller, upstream, _reply(answer, theirs, mine)),
                Case("chunk", caller, upstream, _stream(pieces, ContentParser, theirs, mine), len(pieces)),
            ]
    return made


def _request(body: bytes, mine: Dialect, theirs: Dialect) -> Callable[[], object]:
    def run() -> bytes:
        request = Request("chat", mine, parse_members(body))
        if mine is theirs:
            return request.with_members({"model": "upstream-model"}).encode()
        return translate_request(request, theirs)[0].encode()

    return run


def _reply(body: bytes, theirs: Dialect, mine: Dialect) -> Callable[[], object]:
    member = getattr(mine, "model_member", "model")

    def run() -> bytes:
        reply = translate_reply(Reply("chat", theirs, parse_members(body)), mine)
        return reply.with_members({member: "public"}).encode()

    return run


def _stream(
    pieces: tuple[bytes, ...], parser: Callable[[], FrameParser], theirs: Dialect, mine: Dialect
) -> Callable[[], object]:
    def passed() -> int:
        frames, relay = parser(), theirs.relay(model="public")
        return sum(len(relay.relay(frame)) for piece in pieces for frame in frames.feed(piece)) + len(relay.end())

    def translated() -> int:
        frames, decoder = parser(), theirs.decoder()
        encoder = mine.encoder(model="public", include_usage=True)
        written = 0
        for piece in pieces:
            for frame in frames.feed(piece):
                written += len(encoder.encode(decoder.decode(frame)))
        for frame in frames.end():
            written += len(encoder.encode(decoder.decode(frame)))
        return written + len(encoder.encode(decoder.end())) + len(encoder.end())

    return passed if mine is theirs else translated


def _pieces(dialect: Dialect) -> tuple[bytes, ...]:
    """A stream of the answer: a word a chunk."""
    encoder = dialect.encoder(model="upstream-model", include_usage=True)
    events = [event for group in disassemble(typed_reply()) for event in group]
    written = [encoder.encode((piece,)) for event in events for piece in _words(event)]
    return (*(piece for piece in written if piece), encoder.end())


def _words(event: Event) -> list[Event]:
    if not isinstance(event, TextDelta):
        return [event]
    return [TextDelta(event.choice, event.block, f"{word} ") for word in event.text.split()]


def providers() -> list[Case]:
    """The cases of a caller of Chat Completions over each provider, from its request to the answer in its words."""
    known = {entry.name: entry for entry in entry_points(group="nova.providers")}
    made: list[Case] = []
    for name, (model, base) in PROVIDERS.items():
        prefix, _, rest = model.partition("/")
        made += _provider(name, known[prefix].load(), prefix, rest, base)
    return made


def _provider(name: str, plugin: Any, prefix: str, model: str, base: str) -> list[Case]:
    deployment = plugin.complete(
        Deployment("d", "public", prefix, model, api_base=f"http://127.0.0.1:9{base}", api_key=Secret("a-key")), {}
    )
    body = Request("chat", OPENAI_CHAT, ASKED).encode()

    def ask(*, stream: bool = False) -> Exchange:
        members = parse_members(body)
        request = Request("chat", OPENAI_CHAT, {**members, "stream": True} if stream else members)
        exchange: Exchange = plugin.provider_call(Call(request), request, deployment)
        return exchange

    plain, streamed = ask(), ask(stream=True)
    script = Script(text=TEXT, tool_calls=[("get_weather", {"city": "Oslo"})], usage=(900, 120), usage_unasked=True)
    answer = UpstreamResponse(200, {}, render(script, _received(plain)).pieces[0])
    pieces = render(script, _received(streamed)).pieces
    assert streamed.frames is not None

    def read() -> bytes:
        reply = plain.read(answer)
        assert isinstance(reply, Reply)
        return translate_reply(reply, OPENAI_CHAT).with_members({"model": "public"}).encode()

    return [
        Case("request", name, "", ask),
        Case("reply", name, "", read),
        Case("chunk", name, "", _stream(pieces, streamed.frames, streamed.dialect, OPENAI_CHAT), len(pieces)),
    ]


def _received(exchange: Exchange) -> Received:
    asked = exchange.request
    path = asked.url.removeprefix("http://127.0.0.1:9")
    return Received(asked.method, path, asked.headers, asked.body or b"")
