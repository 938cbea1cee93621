"""Models that go on from a prompt: Titan, Llama, Mistral, DeepSeek R1, Cohere's Command, and imported ones."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html, …-meta.html,
# …-mistral-text-completion.html, …-deepseek.html, …-cohere-command.html and …/invoke-imported-model.html

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nova_core.types.chat import ChatRequest, Message
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Request, plain
from nova_core.wire.enveloped import (
    ANSWER_FORMS,
    SAMPLING,
    TOOLS,
    Body,
    Opener,
    chunk,
    failure,
    reply,
    unsaid,
)
from nova_core.wire.prompt_templates import (
    CHATML,
    HEADERS,
    INST,
    INST_WITH_SYSTEM,
    SHORT_HEADERS,
    THOUGHTFUL,
    Template,
    template_for,
)
from nova_core.wire.prompts import as_turns
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4 import Keychain
from nova_core.wire.thoughts_in_text import ThoughtSplitter
from nova_plugin_bedrock.invoking import LEFT_OUT, THINKING, Invoked, counted, models_own, stopped
from nova_plugin_bedrock.notes import Notes

FINISHES: Final[Mapping[str, str]] = {
    "length": "length", "max_tokens": "length", "content_filtered": "content_filter", "error_toxic": "content_filter",
}  # fmt: skip
PLAIN_SPEECH: Final = Template(
    {"system": ("", "\n\n"), "user": ("User: ", "\n"), "assistant": ("Bot: ", "\n")}, end="Bot:"
)
LLAMAS_WORDS: Final = {"max_tokens": "max_gen_len", "temperature": "temperature", "top_p": "top_p"}
SAME_WORDS: Final = {name: name for name in ("max_tokens", "temperature", "top_p", "stop")}


@dataclass(frozen=True, slots=True)
class TextFamily:
    """How a family is told: `words` by OpenAI's, `prompt` is the member of the text, `within` holds the words.

    `thinks` says that answers begin with thoughts; `says_stream` that the body of a streamed request says so too.
    """

    template: Template
    words: Mapping[str, str]
    prompt: str = "prompt"
    within: str | None = None
    thinks: bool = False
    says_stream: bool = False


TEXT_FAMILIES: Final[Mapping[str, TextFamily]] = {
    r"amazon\.titan-(text|tg1)": TextFamily(
        PLAIN_SPEECH,
        {"max_tokens": "maxTokenCount", "temperature": "temperature", "top_p": "topP", "stop": "stopSequences"},
        prompt="inputText",
        within="textGenerationConfig",
    ),
    r"meta\.llama2|^llama2/": TextFamily(INST_WITH_SYSTEM, LLAMAS_WORDS),
    r"meta\.llama4|^llama4/": TextFamily(SHORT_HEADERS, LLAMAS_WORDS),
    r"meta\.llama|^llama3?/": TextFamily(HEADERS, LLAMAS_WORDS),
    r"mistral\.(mistral-7b|mixtral|mistral-(large|small)-2402)|^mistral/": TextFamily(
        INST, {**SAME_WORDS, "top_k": "top_k"}
    ),
    r"^deepseek_r1/": TextFamily(THOUGHTFUL, LLAMAS_WORDS, thinks=True),
    r"deepseek\.r1": TextFamily(THOUGHTFUL, SAME_WORDS, thinks=True),
    r"^qwen[23]/": TextFamily(CHATML, {**LLAMAS_WORDS, "top_k": "top_k", "stop": "stop"}),
    r"cohere\.command-(light-)?text": TextFamily(
        Template({"system": ("", "\n\n"), "user": ("User: ", "\n"), "assistant": ("Chatbot: ", "\n")}, end="Chatbot:"),
        {
            "max_tokens": "max_tokens", "temperature": "temperature", "top_p": "p", "top_k": "k",
            "stop": "stop_sequences",
        },
        says_stream=True,
    ),
}  # fmt: skip
"""Families by what names of models say; the first that fits is the model's."""


class InvokedText(Invoked):
    """One family, asked with a prompt in its template or the operator's."""

    def __init__(self, family: TextFamily, keychain: Keychain) -> None:
        super().__init__(keychain)
        self._family = family
        known = frozenset(family.words)
        self.unsupported = ((SAMPLING | TOOLS | ANSWER_FORMS) - known) | (frozenset() if family.thinks else THINKING)
        self.hints = LEFT_OUT | (THINKING if family.thinks else frozenset())

    def review(self, request: Request) -> Fidelity:
        """What the family has no word for."""
        return super().review(request) + Fidelity(tuple(unsaid(request, "a prompt holds text only")))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The prompt and its parameters; members that OpenAI does not have are the model's own."""
        family, members = self._family, plain(request.members)
        told = as_turns(_messages(request), Notes())
        template = template_for(lane.deployment, family.template) or family.template
        said = {family.words[name]: members[name] for name in family.words if members.get(name) is not None}
        stop = said.get(family.words.get("stop", ""))
        if isinstance(stop, str):
            said[family.words["stop"]] = [stop]
        body = {family.prompt: template.prompt(told), **({family.within: said} if family.within else said)}
        body |= models_own(members)
        return {**body, "stream": True} if streamed and family.says_stream else body

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """A whole reply."""
        text, reason, given, made = read_text(answer)
        if finish_of(reason) == "error":
            return failure("the model failed before the end of its answer")
        finish = "content_filter" if stopped(answer) else finish_of(reason) or "stop"
        said: Body = {"content": text}
        if self._family.thinks and "</think>" in text:
            said["reasoning_content"], said["content"] = ThoughtSplitter(begun=True).split(text, last=True)
        return reply(said, finish, counted(answer, given, made))

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return TextOpener(thinks=self._family.thinks)


class TextOpener:
    """Reads one stream; thoughts are told from the text."""

    def __init__(self, *, thinks: bool) -> None:
        self._splitter = ThoughtSplitter(begun=True) if thinks else None

    def chunks(self, data: Any, event: str | None) -> Iterable[Mapping[str, Any]]:
        """The chunk of one event."""
        text, reason, given, made = read_text(data)
        finish = "content_filter" if stopped(data) else finish_of(reason)
        if finish == "error":
            return [failure("the model failed before the end of its answer")]
        delta: Body = {}
        if self._splitter is not None and not self._splitter.done:
            thought, text = self._splitter.split(text, last=finish is not None)
            delta = {"reasoning_content": thought} if thought else {}
        if text:
            delta["content"] = text
        return [chunk(delta, finish, counted(data, given, made) if finish else None)]

    def end(self) -> Iterable[Mapping[str, Any]]:
        """Nothing is held back."""
        return ()


def _messages(request: Request) -> tuple[Message, ...]:
    typed = request.typed
    assert isinstance(typed, ChatRequest)
    return typed.messages


def read_text(answer: Mapping[str, Any]) -> tuple[str, str | None, Any, Any]:
    """Text, reason of the end, and the model's counts, of an answer or a chunk in any family's words."""
    match answer:
        case {"generation": text}:
            counts = answer.get("prompt_token_count"), answer.get("generation_token_count")
            return text or "", answer.get("stop_reason"), *counts
        case {"outputs": [{"text": text} as first, *_]} | {"choices": [{"text": text} as first, *_]}:
            return text or "", first.get("stop_reason") or first.get("finish_reason"), *_openais_counts(answer)
        case {"results": [{"outputText": text} as first, *_]}:
            return text, first.get("completionReason"), answer.get("inputTextTokenCount"), first.get("tokenCount")
        case {"outputText": text}:
            counts = answer.get("inputTextTokenCount"), answer.get("totalOutputTextTokenCount")
            return text or "", answer.get("completionReason"), *counts
        case {"generations": [{"text": text} as first, *_]}:
            return text, first.get("finish_reason"), None, None
        case {"text": text}:
            return text or "", answer.get("finish_reason"), *_openais_counts(answer)
        case {"is_finished": True}:
            return "", answer.get("finish_reason") or "COMPLETE", None, None
    raise KeyError("text")


def finish_of(reason: str | None) -> str | None:
    """OpenAI's word for the reason of an end."""
    if reason is None:
        return None
    word = reason.lower()
    return "error" if word == "error" else FINISHES.get(word, "stop")


def _openais_counts(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    usage = answer.get("usage") or {}
    return usage.get("prompt_tokens"), usage.get("completion_tokens")
