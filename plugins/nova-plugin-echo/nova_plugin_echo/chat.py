"""Chat answers of the echo, whole and in pieces."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from nova_core.errors import APIConnectionError, StreamBrokenError
from nova_core.types.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    FinishReason,
    Message,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from nova_core.types.events import (
    BlockStop,
    Chunk,
    Event,
    Finish,
    SignatureDelta,
    StreamStart,
    TextDelta,
    ThinkingDelta,
    ToolArgumentsDelta,
    ToolCallStart,
    UsageUpdate,
)
from nova_core.types.usage import Usage
from nova_plugin_echo.directives import Directions, directions


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one request: the parts of each choice, why it ends, and what was used."""

    id: str
    model: str
    created: int
    parts: tuple[Part, ...]
    finish: FinishReason
    stop_sequence: str | None
    choices: int
    usage: Usage
    directed: Directions

    @property
    def reply(self) -> ChatReply:
        """The whole answer."""
        message = Message("assistant", self.parts)
        choices = (
            Choice(index, message, self.finish, stop_sequence=self.stop_sequence) for index in range(self.choices)
        )
        return ChatReply(self.id, self.model, tuple(choices), self.usage, self.created)


def answer(request: ChatRequest, model: str, created: int) -> Answer:
    """The answer to `request`, without waiting or failing yet. Raises BadRequestError for a senseless directive."""
    tools = tuple(tool.name for tool in request.tools if isinstance(tool, Tool))
    directed = directions(model, _asked(request), frozenset(tools))
    calls = _calls(request, directed, tools)
    text = "" if calls and not directed.text else directed.text
    if request.response_format is not None and request.response_format.kind != "text" and not calls:
        text = json.dumps({"echo": text}, ensure_ascii=False)
    text, finish, stop = _cut(text, request)
    parts: list[Part] = [] if directed.thinking is None else [Thinking(directed.thinking, signature="echo")]
    parts += [Text(text)] if text or not calls else []
    parts += calls
    choices = request.n or 1
    said = _count([part for part in parts if not isinstance(part, Thinking)])
    usage = Usage(
        input=sum(_count(message.parts) for message in request.messages),
        output=choices * said,
        reasoning=choices * len((directed.thinking or "").split()),
    )
    digest = hashlib.sha256(f"{model}\n{_asked(request)}".encode()).hexdigest()[:16]
    return Answer(
        f"echo-{digest}",
        model,
        created,
        tuple(parts),
        "tool_calls" if calls else finish,
        stop,
        choices,
        usage,
        directed,
    )


async def whole(said: Answer) -> ChatReply:
    """The whole answer, after the delay. Raises the directed error; APIConnectionError where it breaks off."""
    await begin(said.directed)
    if said.directed.break_after is not None:
        raise APIConnectionError("the echo was told to break off its answer")
    return said.reply


async def begin(directed: Directions) -> None:
    """Wait as directed, then fail if directed to."""
    if directed.delay:
        await asyncio.sleep(directed.delay)
    if directed.error is not None:
        raise directed.error


async def pieces(said: Answer) -> AsyncIterator[Chunk]:
    """The answer word by word. Raises StreamBrokenError where it was told to break."""
    left = said.directed.break_after
    if left == 0:
        raise StreamBrokenError("the echo was told to break its stream")
    # What went in is known at once; a dialect that begins with it then has no need to say 0.
    yield Chunk((StreamStart(said.id, said.model, said.created), UsageUpdate(Usage(input=said.usage.input))))
    for choice in range(said.choices):
        for block, part in enumerate(said.parts):
            for number, event in enumerate(_events(part, choice, block)):
                if number and said.directed.pause:
                    await asyncio.sleep(said.directed.pause)
                yield Chunk((event,))
                if left is not None and isinstance(event, TextDelta | ThinkingDelta) and (left := left - 1) == 0:
                    raise StreamBrokenError("the echo was told to break its stream")
            yield Chunk((BlockStop(choice, block),))
        yield Chunk((Finish(choice, said.finish, stop_sequence=said.stop_sequence),))
    if left is not None:
        raise StreamBrokenError("the echo was told to break its stream")
    yield Chunk((UsageUpdate(said.usage),))


def count_words(request: ChatRequest) -> int:
    """The input tokens of a request, in the echo's unit."""
    return sum(_count(message.parts) for message in request.messages)


def words(text: str) -> list[str]:
    """The text in words, each with the blanks after it; joined they are the text again."""
    return re.findall(r"^\s+|\S+\s*", text) or [text]


def _events(part: Part, choice: int, block: int) -> Iterable[Event]:
    match part:
        case Text():
            return [TextDelta(choice, block, word) for word in words(part.text)]
        case Thinking():
            pieces = [ThinkingDelta(choice, block, word) for word in words(part.text)]
            return [*pieces, SignatureDelta(choice, block, part.signature or "")]
        case ToolCall():
            half = len(part.arguments) // 2
            halves = (part.arguments[:half], part.arguments[half:])
            start = ToolCallStart(choice, block, part.id, part.name)
            return [start, *(ToolArgumentsDelta(choice, block, piece) for piece in halves)]
    return []


def _asked(request: ChatRequest) -> str:
    """The text to echo: the last user's, or what the tools answered since."""
    results = [_text_of(part.parts) for part in _last_results(request)]
    if results:
        return "\n".join(results)
    said = [message for message in request.messages if message.role == "user" and _text_of(message.parts)]
    return _text_of(said[-1].parts) if said else ""


def _last_results(request: ChatRequest) -> list[ToolResult]:
    results: list[ToolResult] = []
    for message in reversed(request.messages):
        found = [part for part in message.parts if isinstance(part, ToolResult)]
        if not found:
            break
        results = found + results
    return results


def _text_of(parts: Iterable[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def _calls(request: ChatRequest, directed: Directions, tools: tuple[str, ...]) -> list[Part]:
    choice = request.tool_choice
    wanted = list(directed.calls)
    if choice is not None and choice.mode == "none":
        wanted = []
    elif choice is not None and choice.mode == "named" and choice.name is not None:
        wanted = [call for call in wanted if call[0] == choice.name] or [(choice.name, "{}")]
    elif choice is not None and choice.mode == "required" and not wanted and tools:
        wanted = [(tools[0], "{}")]
    if request.parallel_tool_calls is False:
        wanted = wanted[:1]
    return [ToolCall(f"call_echo_{number}", name, arguments) for number, (name, arguments) in enumerate(wanted)]


def _cut(text: str, request: ChatRequest) -> tuple[str, FinishReason, str | None]:
    """The text up to the first stop sequence and of `max_tokens` words at most, and why it ends there."""
    places = [(place, stop) for stop in request.stop if stop and (place := text.find(stop)) >= 0]
    place, stopped = min(places, default=(len(text), None))
    text = text[:place]
    if request.max_tokens is not None and len(text.split()) > request.max_tokens:
        return "".join(words(text)[: request.max_tokens]).rstrip(), "length", None
    return text, "stop", stopped


def _count(parts: Iterable[Part]) -> int:
    """Words of everything that is text, arguments of tools included."""
    total = 0
    for part in parts:
        match part:
            case Text() | Thinking():
                total += len(part.text.split())
            case ToolCall():
                total += 1 + len(part.arguments.split())
            case ToolResult():
                total += _count(part.parts)
    return total
