"""What is asked of every contender, and the figure that is taken from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
TOKEN = "[[0000000000000000]]"


class Figure(StrEnum):
    """The number that counts, with its unit."""

    CALL = "CPU µs a request"
    EVENT = "CPU µs a chunk"
    LATENCY = "ms added, p50 / p99"
    RATE = "requests/s"
    ANSWERS = "answers checked"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of load. `behaviour` is the upstream's, `options` are the load generator's."""

    name: str
    title: str
    figure: Figure = Figure.CALL
    path: str = CHAT
    prompt: str = "Say hello to me in a friendly way, please."
    stream: bool = False
    model: str | None = None
    translated: bool = False
    connections: int = 32
    seconds: float = 1.5
    behaviour: Mapping[str, int] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    def body(self, model: str) -> bytes:
        """The request of this row for a contender's model name."""
        if self.path.endswith("/embeddings"):
            return json.dumps({"model": model, "input": self.prompt}, separators=(",", ":")).encode()
        system = {"role": "system", "content": "You are a helpful assistant."}
        asked = {"role": "user", "content": self.prompt}
        request: dict[str, object] = {
            "model": self.model or model,
            "messages": [asked] if self.path == MESSAGES else [system, asked],
        }
        if self.stream:
            request["stream"] = True
        request |= {"temperature": 0.7, "max_tokens": 64}
        return json.dumps(request, separators=(",", ":")).encode()


def words(size: int) -> str:
    """English text of about this many bytes, with a line break here and there."""
    sentence = "The quick brown fox jumps over the lazy dog, and says: it is 12 o'clock already.\n"
    return sentence * (size // len(sentence))


SMALL = Row("small", "small chat, 32 connections")
STREAM = Row(
    "stream",
    "paced stream, passed through",
    Figure.EVENT,
    stream=True,
    behaviour={"pace_us": 20_000, "chunks": 0},
    options=("--ramp", "1"),
)
MANY_STREAMS = Row(
    "many-streams",
    "1,000 concurrent streams",
    stream=True,
    connections=1000,
    behaviour={"pace_us": 250_000, "chunks": 0},
    options=("--ramp", "3"),
    seconds=4.0,
)
ROWS = (
    SMALL,
    Row("varied", "small chat, each request with its own id and length", options=("--vary",)),
    Row("10k", "10 KB request", prompt=words(10_000)),
    Row("100k", "100 KB request", prompt=words(100_000)),
    Row("100k-reply", "100 KB reply", behaviour={"reply_bytes": 100_000}),
    Row("embeddings", "1,536-float embedding", path="/v1/embeddings"),
    Row("latency", "1,000 requests/s, open loop", Figure.LATENCY, options=("--rate", "1000"), seconds=4.0),
    STREAM,
    replace(
        STREAM,
        name="stream-messages",
        title="paced stream, Anthropic caller, OpenAI upstream",
        path=MESSAGES,
        translated=True,
    ),
    replace(
        STREAM,
        name="stream-claude",
        title="paced stream, OpenAI caller, Anthropic upstream",
        model="claude",
        translated=True,
    ),
    Row(
        "c1000",
        "1,000 connections, 50 ms upstream",
        Figure.RATE,
        connections=1000,
        behaviour={"delay_us": 50_000},
        options=("--ramp", "0.5", "--warmup", "1"),
        seconds=3.0,
    ),
    Row(
        "check",
        "answers mixed, lost or cut: whole replies, reused and closing connections",
        Figure.ANSWERS,
        prompt=f"Hello {TOKEN}",
        behaviour={"close_every": 7},
        options=("--check",),
        connections=64,
    ),
    Row(
        "check-stream",
        "answers mixed, lost or cut: streams",
        Figure.ANSWERS,
        prompt=f"Hello {TOKEN}",
        stream=True,
        behaviour={"chunks": 40, "pace_us": 500},
        options=("--check", "--chunks", "40"),
        connections=64,
    ),
)
