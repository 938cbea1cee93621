"""Streams of every format with the parser and decoder that read them, and ways in which streams are spoilt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import Any

import msgspec

from nova_core.errors import NovaError
from nova_core.testing.documents import document_of as document_of
from nova_core.types.call import Call
from nova_core.types.chat import ChatReply
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.events import Event
from nova_core.types.message import Request
from nova_core.types.secret import Secret
from nova_core.types.upstream import Exchange, FrameParser, UpstreamResponse
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.assemble import assemble
from nova_core.wire.gemini import GEMINI_GENERATE
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from tests.matrix.providers import ROWS
from tests.matrix.said import Answer, Called, Thought, Wire, Words

CALLERS: Mapping[str, Dialect] = {
    "openai_chat": OPENAI_CHAT,
    "openai_responses": OPENAI_RESPONSES,
    "anthropic_messages": ANTHROPIC_MESSAGES,
    "gemini": GEMINI_GENERATE,
}
ANSWER = Answer(
    (
        Thought("Let me think.", "c2lnbmVkQnlUaGVNYWtlcjEy"),
        Words("Grüße aus Oslo 🌊"),
        Called(1, "get_weather", {"city": 'Oslo "N"'}),
        Called(2, "get_time", {"zone": "CET"}),
    ),
    "tool_calls",
    (11, 17),
    10,
)

ELSEWHERE = (
    ("bedrock", "agent/AAAAAAAAAA/BBBBBBBBBB"),
    ("bedrock", "agentcore/arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/my-agent"),
    *(("bedrock", f"invoke/{model}") for model in (
        "meta.llama3-1-70b-instruct-v1:0", "cohere.command-r-plus-v1:0", "openai.gpt-oss-120b-1:0",
        "amazon.nova-pro-v1:0", "anthropic.claude-3-haiku-20240307-v1:0",
    )),
    ("cohere", "v1/command-r"),
)  # fmt: skip
"""Models whose streams have a format of their own, of providers that have several."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """One format as one provider reads it. `pieces` are the frames of a whole answer."""

    name: str
    dialect: Dialect
    parser: Callable[[], FrameParser]
    pieces: tuple[bytes, ...]

    def read(self, data: Iterable[bytes]) -> list[Event]:
        """The events of a stream that comes in these pieces. Raises NovaError for a broken one."""
        parser, decoder = self.parser(), self.dialect.decoder()
        events: list[Event] = []
        for piece in data:
            for frame in parser.feed(piece):
                events += decoder.decode(frame)
        for frame in parser.end():
            events += decoder.decode(frame)
        return [*events, *decoder.end()]

    def reply(self, data: Iterable[bytes]) -> ChatReply:
        """What a stream says."""
        return assemble(self.read(data))

    def relayed(self, data: Iterable[bytes]) -> bytes:
        """A stream passed on to a caller of the same dialect. Raises NovaError for a broken one."""
        parser, relay = self.parser(), self.dialect.relay(model="public")
        told = [relay.relay(frame) for piece in data for frame in parser.feed(piece)]
        return b"".join([*told, *map(relay.relay, parser.end()), relay.end()])


@cache
def streams() -> Mapping[str, Streamed]:
    """One for each pair of a wire format and what reads it; Gemini's also as one JSON array."""
    found: dict[str, Streamed] = {}
    for row in ROWS.values():
        prefix, _, model = (row.thinks or row.model).partition("/")
        for caller in CALLERS.values():
            exchange = _asked(prefix, model, row.base, caller, row.settings)
            if row.begins is not None:
                begun = UpstreamResponse(201, {}, msgspec.json.encode(row.begins))
                exchange = exchange.read(begun)  # type: ignore[assignment]
            wires = [w for end, w in row.wires.items() if exchange.request.url.partition("?")[0].endswith(end)]
            assert wires, exchange.request.url
            assert exchange.frames is not None
            kind = type(exchange.frames()).__name__
            name = f"{wires[0].name} of {prefix} by {kind} and {type(exchange.dialect.decoder()).__module__}"
            found.setdefault(name.partition(" of ")[0] + name.partition(" by ")[2], _streamed(name, exchange, wires[0]))
    named = {stream.name: stream for stream in found.values()}
    (gemini,) = [stream for stream in named.values() if stream.name.startswith("gemini of gemini")]
    array = Streamed("gemini as an array", gemini.dialect, gemini.parser, tuple(_as_array(gemini.pieces)))
    return {**named, array.name: array}


@cache
def installed_providers() -> Mapping[str, EntryPoint]:
    """Entry points by prefix: metadata of everything installed is read for them."""
    return {entry.name: entry for entry in entry_points(group="nova.providers")}


@cache
def readers() -> Mapping[str, Streamed]:
    """What reads streams of each installed provider, one for each kind in each distribution; without an answer."""
    found: dict[str, Streamed] = {}
    for prefix, model in [*((prefix, "model-a") for prefix in installed_providers()), *ELSEWHERE]:
        plugin = installed_providers()[prefix].load()
        if isinstance(plugin, type) or iscoroutinefunction(plugin.provider_call):
            continue  # it runs in this process
        try:
            exchange = _asked(prefix, model, "/v1", OPENAI_CHAT)
            parser = exchange.frames() if exchange.frames is not None else None
            decoder = type(exchange.dialect.decoder())
        except (NovaError, AssertionError):
            continue  # it does not chat, needs more to be set, or has whole answers only
        if parser is not None and exchange.dialect.operation == "chat":
            owner = type(plugin).__module__.partition(".")[0]
            opener = type(getattr(parser, "_opener", None)).__module__
            kind = f"{type(parser).__name__} of {opener} and {decoder.__name__} of {decoder.__module__} in {owner}"
            found.setdefault(kind, Streamed(kind, exchange.dialect, exchange.frames, ()))
    return found


def _streamed(name: str, exchange: Exchange, wire: Wire) -> Streamed:
    assert exchange.frames is not None
    return Streamed(name, exchange.dialect, exchange.frames, tuple(wire.pieces(ANSWER)))


def _asked(
    prefix: str, model: str, base: str, dialect: Dialect, settings: Mapping[str, Any] = MappingProxyType({})
) -> Exchange:
    plugin = installed_providers()[prefix].load()
    key, address = Secret("a-key-of-tests"), f"http://127.0.0.1:9{base}"
    made = Deployment("d", "g", prefix, model, api_base=address, api_key=key, settings=settings)
    chat = {"model": "g", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9, "stream": True}
    members, _ = dialect.render_request(OPENAI_CHAT.parse_request(chat))
    request = Request("chat", dialect, {"model": "g", **members, "stream": True})
    exchange: Exchange = plugin.provider_call(Call(request), request, plugin.complete(made, {}))
    return exchange


def _as_array(pieces: tuple[bytes, ...]) -> Iterator[bytes]:
    for place, piece in enumerate(pieces):
        yield (b"," if place else b"[") + piece.removeprefix(b"data: ").strip() + b"\r\n"
    yield b"]"


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a document, its own included."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths_in(item, (*path, key))


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of a document with another value at `path`."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, key: with_value(value[key], rest, new)}
    return [with_value(item, rest, new) if place == key else item for place, item in enumerate(value)]
