"""Models whose format is nearly OpenAI's: gpt-oss, Qwen, AI21's Jamba, Mistral's newer ones, and imported ones."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html, …-jamba.html,
# …-mistral-chat-completion.html, …-qwen.html and …/invoke-imported-model.html

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nova_core.types.message import Operation, Request, plain
from nova_core.wire.enveloped import HINTS, Body, Opener
from nova_core.wire.mended_answers import mended
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4 import Keychain
from nova_core.wire.thoughts_in_text import THINK, Tags, ThoughtsMender
from nova_plugin_bedrock.invoking import ACTION, GOVERNING, METRICS, Invoked, counted, stopped

NOT_SENT: Final = frozenset({"model", "stream", *HINTS, *GOVERNING})
REASONING: Final[Tags] = ("<reasoning>", "</reasoning>")
LIMIT: Final = {"max_tokens": "max_completion_tokens"}
FINISHES: Final = {"model_length": "length", "max_tokens": "length", "end_turn": "stop"}
CHOICES: Final = {"required": "any"}


@dataclass(frozen=True, slots=True)
class ChatFamily:
    """What a family changes in OpenAI's format: names of members, choices of tools, and where thoughts stand."""

    renames: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    thoughts: Tags | None = None
    unsupported: frozenset[str] = frozenset()


CHAT_FAMILIES: Final[Mapping[str, ChatFamily]] = {
    r"openai\.gpt-oss|^gpt-oss/|^openai/": ChatFamily(LIMIT, thoughts=REASONING),
    r"mistral\.": ChatFamily(choices=CHOICES, unsupported=frozenset({"logit_bias", "logprobs", "top_logprobs"})),
    r"ai21\.jamba": ChatFamily(unsupported=frozenset({"seed", "logit_bias", "logprobs", "top_logprobs"})),
    r"qwen\.|deepseek\.v|moonshot|kimi|minimax\.|zai\.|google\.gemma|nvidia\.|writer\.": ChatFamily(thoughts=THINK),
}
"""Families by what names of models say; the first that fits is the model's."""


class InvokedChat(Invoked):
    """One family, asked with messages."""

    def __init__(self, family: ChatFamily, keychain: Keychain) -> None:
        super().__init__(keychain)
        self._family = family
        self.unsupported = family.unsupported | {"modalities", "audio", "web_search_options"}

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """OpenAI's members but for those that the address says, and those that only OpenAI has."""
        members = {name: value for name, value in plain(request.members).items() if name not in NOT_SENT}
        if isinstance(members.get("stop"), str):
            members["stop"] = [members["stop"]]
        choice = members.get("tool_choice")
        if isinstance(choice, str):
            members["tool_choice"] = self._family.choices.get(choice, choice)
        return {self._family.renames.get(name, name): value for name, value in members.items()}

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """A whole reply."""
        return ChatOpener(self._family, "message").opened(answer)

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return ChatOpener(self._family, "delta")


class ChatOpener:
    """Reads one answer, whole (`message`) or streamed (`delta`)."""

    def __init__(self, family: ChatFamily, part: str) -> None:
        self._menders = [ThoughtsMender(family.thoughts)] if family.thoughts else []
        self._part = part

    def chunks(self, data: Any, event: str | None) -> Iterable[Mapping[str, Any]]:
        """The chunk of one event."""
        return (self.opened(data),)

    def end(self) -> Iterable[Mapping[str, Any]]:
        """Nothing is held back."""
        return ()

    def opened(self, answer: Mapping[str, Any]) -> Body:
        """An answer or a chunk in OpenAI's words."""
        if "error" in answer:
            return dict(answer)
        filtered = stopped(answer)
        choices = [self._choice(choice, place, filtered) for place, choice in enumerate(answer["choices"])]
        made = {name: value for name, value in answer.items() if name not in (METRICS, ACTION)}
        made |= {"object": "chat.completion" if self._part == "message" else "chat.completion.chunk"}
        if not made.get("usage"):
            made.pop("usage", None)
            made |= {"usage": usage} if (usage := counted(answer)) else {}
        return mended({**made, "choices": choices}, self._menders)

    def _choice(self, choice: Mapping[str, Any], place: int, filtered: bool) -> Body:
        said = dict(choice.get(self._part) or choice.get("message") or choice.get("delta") or {})
        if self._part == "delta" and said.get("tool_calls"):
            said["tool_calls"] = [{"index": number, **call} for number, call in enumerate(said["tool_calls"])]
        reason = choice.get("finish_reason") or choice.get("stop_reason")
        finish = "content_filter" if filtered else FINISHES.get(str(reason), reason)
        return {"index": choice.get("index", place), self._part: said, "finish_reason": finish}
