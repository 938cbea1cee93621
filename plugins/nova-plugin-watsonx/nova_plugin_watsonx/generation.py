"""Text generation: a prompt in, and its continuation out."""

# https://cloud.ibm.com/apidocs/watsonx-ai#text-generation and #text-generation-stream

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.wire.drop_policy import review
from nova_core.wire.enveloped import CONTINUED, Body, Opener, failure, usage_of, vendors_own
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.provider import Lane
from nova_core.wire.transcribed import Transcribed
from nova_plugin_watsonx.access import account
from nova_plugin_watsonx.errors import failure_in
from nova_plugin_watsonx.provider import Paths

RENAMED: Final = {"max_tokens": "max_new_tokens", "seed": "random_seed", "stop": "stop_sequences"}
SAME: Final = (
    *("temperature", "top_p", "top_k", "decoding_method", "min_new_tokens", "repetition_penalty", "length_penalty"),
    *("time_limit", "truncate_input_tokens", "typical_p", "include_stop_sequence", "return_options"),
)
SAMPLED: Final = ("temperature", "top_p", "top_k", "typical_p", "seed")
"""Members that only mean something where the answer is sampled."""
UNSUPPORTED: Final = frozenset(
    {"n", "best_of", "echo", "suffix", "logprobs", "logit_bias", "presence_penalty", "frequency_penalty"}
)
HINTS: Final = frozenset({"user", "stream_options"})
FINISHES: Final = {
    "eos_token": "stop", "stop_sequence": "stop", "max_tokens": "length", "token_limit": "length",
    "time_limit": "length", "cancelled": "stop",
}  # fmt: skip


class WatsonxText(Transcribed, Paths):
    """`watsonx_text/{model}`: everything goes to `/text/generation`; a chat becomes a prompt."""

    providers = ("watsonx_text",)
    dialects: Mapping[Operation, Dialect] = {"completion": OPENAI_COMPLETIONS}
    enveloped = frozenset(dialects)
    paths: Mapping[Operation, str] = {"completion": "/text/generation"}

    def review(self, request: Request) -> Fidelity:
        """What the vendor has no word for."""
        found = super().review(request) + review(request.members, sorted(UNSUPPORTED), sorted(HINTS))
        return found + Fidelity(tuple(_notes(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The request with its model and account. Raises AuthenticationError without an account."""
        members = plain(request.members)
        prompt = members["prompt"]
        text = prompt[0] if isinstance(prompt, list) else prompt
        return {"input": text, "parameters": _parameters(members), **account(lane.deployment)}

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, object]:
        """A whole completion."""
        if (failed := failure_in(answer)) is not None:
            return failed
        result = answer["results"][0]
        if result.get("stop_reason") == "error":
            return failure("the model failed before the end of its answer")
        head = {"id": answer.get("id") or "", "object": "text_completion", "created": 0}
        finish = FINISHES.get(result.get("stop_reason"), "stop")
        choice = {"index": 0, "text": result["generated_text"], "finish_reason": finish, "logprobs": None}
        usage = usage_of(result.get("input_token_count"), result.get("generated_token_count"))
        body = {**head, "model": answer.get("model_id") or "", "choices": [choice]}
        return {**body, "usage": usage} if usage else body

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return TextOpener()


class TextOpener:
    """Reads one stream; its counts grow from event to event, or are stated once."""

    def __init__(self) -> None:
        self._given = 0
        self._made = 0

    def chunks(self, data: Any, event: str | None) -> Iterable[Mapping[str, Any]]:
        """The chunk of one event, and one with the usage after the last."""
        if (failed := failure_in(data)) is not None:
            return [failed]
        result = data["results"][0]
        reason = result.get("stop_reason")
        if reason == "error":
            return [failure("the model failed before the end of its answer")]
        self._given = max(self._given, result.get("input_token_count") or 0)
        self._made = max(self._made, result.get("generated_token_count") or 0)
        finish = None if reason in (None, "not_finished") else FINISHES.get(str(reason).lower(), "stop")
        choice = {"index": 0, "text": result["generated_text"], "finish_reason": finish, "logprobs": None}
        made: list[Mapping[str, Any]] = [{"object": "text_completion", "choices": [choice]}]
        if finish is not None:
            made.append({"object": "text_completion", "choices": [], "usage": usage_of(self._given, self._made)})
        return made

    def end(self) -> Iterable[Mapping[str, Any]]:
        """Nothing."""
        return ()


def _parameters(members: Mapping[str, Any]) -> Body:
    said = {RENAMED.get(name, name): members[name] for name in (*RENAMED, *SAME) if members.get(name) is not None}
    said |= vendors_own(members, {*CONTINUED, *SAME})
    if isinstance(said.get("stop_sequences"), str):
        said["stop_sequences"] = [said["stop_sequences"]]
    if "decoding_method" not in said and any(members.get(name) is not None for name in SAMPLED):
        said["decoding_method"] = "greedy" if members.get("temperature") == 0 else "sample"
    return said


def _notes(request: Request) -> Iterator[FieldNote]:
    prompt = request.get("prompt")
    if isinstance(prompt, list) and not (len(prompt) == 1 and isinstance(prompt[0], str)):
        yield FieldNote("prompt", Fate.LOST, "one text is continued at a time")
