"""Predictions of Replicate's language models, as upstreams speak them: made first, then streamed from an address."""

# https://replicate.com/docs/reference/http (predictions) and https://replicate.com/openai/gpt-4.1/api/schema (inputs)

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from nova_core.testing.upstream import Received
from nova_core.testing.upstream_replies import Shape
from tests.matrix.openai_chat import DATA
from tests.matrix.said import Answer, Asked, Json, Picture, Said, Words, halves

INPUTS: Final = {"prompt", "messages", "system_prompt", "image_input", "max_completion_tokens", "temperature", "top_p"}
"""Inputs of the model."""


def _error(status: int, message: str, code: str | None, kind: str | None) -> Json:
    return {"title": "An error", "detail": message, "status": status}


MADE: Final = Shape(lambda said: {}, _error, asks_stream=lambda body: False)
STREAMED: Final = Shape(lambda said: {}, _error, always_streams=True)


class PredictionWire:
    """An upstream of `/models/{owner}/{name}/predictions`, and of the address where one is streamed."""

    name = "replicate"
    signs = False

    @property
    def broken(self) -> bytes:
        """The event of a prediction that failed."""
        return _event("error", msgspec.json.encode({"detail": "the scripted reason"}).decode())

    def read(self, body: Json, stream: bool) -> Asked:
        assert body.keys() <= {"input", "stream"}
        said = body["input"]
        assert said.keys() <= INPUTS, said.keys() - INPUTS
        messages = said.get("messages", ())
        system = [said.get("system_prompt", ""), *(each["content"] for each in messages if each["role"] == "system")]
        return Asked(
            turns=tuple(_turns(said)),
            system="".join(system),
            max_tokens=said.get("max_completion_tokens"),
            temperature=said.get("temperature"),
            stream=body.get("stream", False),
        )

    def reply(self, answer: Answer) -> Callable[[Received], Json]:
        """A prediction that is done, or one that is to be streamed where that was asked for."""

        def made(received: Received) -> Json:
            url = f"http://{received.header('host')}"
            urls = {"get": f"{url}/v1/predictions/p1", "stream": f"{url}/stream/p1"}
            head = {"id": "p1", "model": "openai/upstream-model", "error": None, "logs": "", "urls": urls}
            if received.json.get("stream"):
                return {**head, "status": "starting", "output": None}
            given, counted = answer.usage
            metrics = {"input_token_count": given, "output_token_count": counted}
            return {**head, "status": "succeeded", "output": _texts(answer), "metrics": metrics}

        return made

    def pieces(self, answer: Answer) -> list[bytes]:
        given, made = answer.usage
        texts = [_event("output", piece) for piece in _texts(answer)]
        logs = f"Input token count: {given}\nOutput token count: {made}"
        return [*texts, _event("logs", logs), _event("done", "{}")]


def _texts(answer: Answer) -> list[str]:
    return [piece for part in answer.parts if isinstance(part, Words) for piece in halves(part.text)]


def _event(kind: str, text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: {kind}\nid: 1:0\n{lines}\n".encode()


def _turns(said: Json) -> Iterable[Said]:
    for message in said.get("messages", ()):
        if message["role"] != "system":
            yield message["role"], Words(message["content"])
    if "prompt" in said:
        yield "user", Words(said["prompt"])
    images: list[Any] = said.get("image_input", [])
    for image in images:
        yield "user", Picture(image.removeprefix(DATA))
