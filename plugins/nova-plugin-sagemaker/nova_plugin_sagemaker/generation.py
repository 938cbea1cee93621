"""Containers for Hugging Face models: a prompt in and text out, and embeddings."""

# https://huggingface.co/docs/text-generation-inference (generate, generate_stream) and
# https://docs.djl.ai/master/docs/serving/serving/docs/lmi/user_guides/lmi_input_output_schema.html

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.events import Frame
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import Exchange, FrameParser
from nova_core.wire.drop_policy import review
from nova_core.wire.enveloped import CONTINUED, EMBEDDED, Body, Enveloped, Opener, failure, usage_of, vendors_own
from nova_core.wire.json_lines import LineParser
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import Lane
from nova_core.wire.transcribed import Transcribed
from nova_plugin_sagemaker.endpoint import Endpoint, PayloadParts

SAME: Final = (
    *("temperature", "top_p", "top_k", "seed", "stop", "frequency_penalty", "repetition_penalty", "typical_p"),
    *("do_sample", "truncate", "watermark", "return_full_text", "details", "max_new_tokens"),
)
SAMPLED: Final = ("temperature", "top_p", "top_k", "typical_p")
UNSUPPORTED: Final = frozenset({"n", "best_of", "echo", "suffix", "logprobs", "logit_bias", "presence_penalty"})
HINTS: Final = frozenset({"user", "stream_options"})
FINISHES: Final = {"eos_token": "stop", "stop_sequence": "stop", "stop": "stop", "length": "length"}
VECTORS: Final = ("embedding", "embeddings", "vectors", "predictions")
"""Members under which containers answer vectors, where they do not answer these alone."""


class EndpointText(Transcribed, Endpoint, Enveloped):
    """`sagemaker/{endpoint}`: everything is a prompt, or texts to embed."""

    providers = ("sagemaker",)
    dialects: Mapping[Operation, Dialect] = {"completion": OPENAI_COMPLETIONS, "embedding": OPENAI_EMBEDDINGS}
    enveloped = frozenset(dialects)

    def review(self, request: Request) -> Fidelity:
        """What containers have no word for."""
        found = super().review(request)
        if request.dialect.operation == "embedding":
            return found + Fidelity(tuple(_of_embeddings(request)))
        return found + review(request.members, sorted(UNSUPPORTED), sorted(HINTS)) + Fidelity(tuple(_notes(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """`inputs`, and `parameters` of a continuation."""
        members = plain(request.members)
        if lane.dialect.operation == "embedding":
            given = members["input"]
            return {**vendors_own(members, EMBEDDED), "inputs": given if isinstance(given, list) else [given]}
        prompt = members["prompt"]
        text = prompt[0] if isinstance(prompt, list) else prompt
        body = {"inputs": text, "parameters": _parameters(members)}
        return {**body, "stream": True} if streamed else body

    def opened(self, answer: Any, operation: Operation) -> Mapping[str, object]:
        """A whole completion, or embeddings."""
        if operation == "embedding":
            return _embeddings(answer)
        result = answer[0] if isinstance(answer, list) else answer
        if "error" in result:
            return failure(result["error"])
        details = result.get("details") or {}
        choice = _choice(result["generated_text"], FINISHES.get(str(details.get("finish_reason")), "stop"))
        body = {"id": "", "object": "text_completion", "created": 0, "model": "", "choices": [choice]}
        usage = _usage(details)
        return {**body, "usage": usage} if usage else body

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return TextOpener()

    def framing(self) -> FrameParser:
        """Events or lines of JSON, in parts."""
        return PayloadParts(JsonLines())

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors are sent on in base64 where the caller wants that."""
        exchange = super().provider_call(call, request, deployment)
        return in_asked_coding(request, exchange) if request.operation == "embedding" else exchange


class JsonLines(LineParser):
    """Lines that hold an object each, or server-sent events of one line each: containers do either."""

    __slots__ = ()

    def end(self) -> list[Frame]:
        """The object on a last line without an end."""
        # A piece of one is no object: the stream is then unfinished, and its reader says so.
        return [frame for frame in super().end() if _is_json(frame.data)]

    def said(self, line: bytes) -> bytes:
        """Objects, and nothing else."""
        text = super().said(line)
        return text if text.startswith(b"{") else b""


class TextOpener:
    """Reads one stream."""

    def chunks(self, data: Any, event: str | None) -> Iterable[Mapping[str, Any]]:
        """The chunk of one token, and one with the usage after the last."""
        if "error" in data:
            return [failure(data["error"])]
        token, details = data["token"], data.get("details") or {}
        ends = details.get("finish_reason") is not None or data.get("generated_text") is not None
        finish = FINISHES.get(str(details.get("finish_reason")), "stop") if ends else None
        text = "" if token.get("special") else token["text"]
        made: list[Mapping[str, Any]] = [{"object": "text_completion", "choices": [_choice(text, finish)]}]
        if (usage := _usage(details)) is not None:
            made.append({"object": "text_completion", "choices": [], "usage": usage})
        return made

    def end(self) -> Iterable[Mapping[str, Any]]:
        """Nothing."""
        return ()


def _parameters(members: Mapping[str, Any]) -> Body:
    said: Body = {"return_full_text": False, "details": True}
    if members.get("max_tokens") is not None:
        said["max_new_tokens"] = members["max_tokens"]
    said |= {name: members[name] for name in SAME if members.get(name) is not None}
    said |= vendors_own(members, {*CONTINUED, *SAME})
    if isinstance(said.get("stop"), str):
        said["stop"] = [said["stop"]]
    if said.get("temperature") == 0:
        # Servers refuse a temperature of zero; not sampling is what it means.
        del said["temperature"]
        said.setdefault("do_sample", False)
    elif any(name in said for name in SAMPLED):
        said.setdefault("do_sample", True)
    return said


def _choice(text: Any, finish: str | None) -> Body:
    return {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}


def _usage(details: Mapping[str, Any]) -> Body | None:
    """Both counts, where the server states both: the prompt's tokens, or how many they were."""
    prefill = details.get("prefill")
    given = details.get("input_length", len(prefill) if prefill else None)
    return usage_of(given, details.get("generated_tokens"))


def _embeddings(answer: Any) -> Body:
    if isinstance(answer, Mapping) and isinstance(answer.get("data"), list):
        return {"object": "list", "model": "", **answer}
    if isinstance(answer, Mapping) and "error" in answer:
        return failure(answer["error"])
    vectors = answer
    if isinstance(answer, Mapping):
        vectors = next(answer[name] for name in VECTORS if name in answer)
    if vectors and not isinstance(vectors[0], list):
        vectors = [vectors]
    if not vectors or not all(isinstance(number, int | float) for vector in vectors for number in vector):
        return failure("the endpoint answers vectors of tokens, not of texts")
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": ""}


def _notes(request: Request) -> Iterator[FieldNote]:
    prompt = request.get("prompt")
    if isinstance(prompt, list) and not (len(prompt) == 1 and isinstance(prompt[0], str)):
        yield FieldNote("prompt", Fate.LOST, "one text is continued at a time")


def _of_embeddings(request: Request) -> Iterator[FieldNote]:
    given = request.get("input")
    if isinstance(given, list) and not all(isinstance(item, str) for item in given):
        yield FieldNote("input", Fate.LOST, "only texts are embedded")
    for name in ("dimensions", "task", "input_type", "return_multivector"):
        if request.get(name) not in (None, False):
            yield FieldNote(name, Fate.LOST, "the endpoint has no such choice")
    if request.get("user") is not None:
        yield FieldNote("user", Fate.HINT)


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
