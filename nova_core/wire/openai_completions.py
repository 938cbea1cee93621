"""The legacy completions format: a prompt in, text out (OpenAI API reference, "Completions")."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.chat import ChatReply, ChatRequest, Choice, Message, Refusal, Text
from nova_core.types.dialect import Dialect
from nova_core.types.events import (
    Event,
    Finish,
    Frame,
    LogprobsDelta,
    RefusalDelta,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.decoder import ChatDecoder
from nova_core.wire.openai_chat.errors import error_frame, render_error
from nova_core.wire.openai_chat.fields import Fields, bad_field, starts_with
from nova_core.wire.openai_chat.finish import parse_finish, render_finish
from nova_core.wire.openai_chat.notes import Notes, add_members
from nova_core.wire.openai_chat.relay import ChatRelay
from nova_core.wire.openai_chat.reply import check_reply, new_id, usage_of
from nova_core.wire.openai_chat.request import (
    add_defaults,
    check_kinds,
    check_model,
    logit_bias,
    stop_sequences,
)
from nova_core.wire.openai_chat.usage import parse_usage, render_usage
from nova_core.wire.sse import DONE, sse_bytes
from nova_core.wire.unsaid import note_beside

NAME: Final = "openai_completions"

_SAME_NAMES = (
    *("max_tokens", "temperature", "top_p", "n", "seed", "presence_penalty", "frequency_penalty"),
    *("logit_bias", "user"),
)
_CHAT_ONLY = (
    *("tools", "tool_choice", "response_format", "reasoning", "top_k", "logprobs", "top_logprobs", "modalities"),
    *("parallel_tool_calls", "metadata", "store"),
)
_CALLED = {"reasoning": "reasoning_effort"}
_CHAT_HINTS = ("verbosity", "service_tier", "prompt_cache_key", "cache")


class OpenAICompletions:
    """The dialect of `/v1/completions`. Its typed view is a chat request with one user message.

    `suffix`, `echo`, `best_of`, `logprobs` (a number here) and prompts of tokens have no chat form: they stay
    in `extra` and are refused by name where the upstream speaks another dialect.
    """

    name: str = NAME
    operation: Operation = "completion"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def check_request(self, members: Members) -> None:
        """`model`, and a `prompt` that is a string or an array. Raises BadRequestError."""
        check_model(members)
        prompt = members.get("prompt")
        if prompt is None or not starts_with(prompt, b'"['):
            raise bad_field("prompt", "is required: a string, or an array of strings or tokens")
        check_kinds(members)

    def parse_request(self, members: Mapping[str, Any]) -> ChatRequest:
        """The typed request. Raises BadRequestError: several prompts are not one chat."""
        fields = Fields(members, "")
        request = ChatRequest(
            model=fields.required_text("model"),
            messages=_messages(fields),
            max_tokens=fields.integer("max_tokens"),
            temperature=fields.number("temperature"),
            top_p=fields.number("top_p"),
            n=fields.integer("n"),
            seed=fields.integer("seed"),
            presence_penalty=fields.number("presence_penalty"),
            frequency_penalty=fields.number("frequency_penalty"),
            logit_bias=logit_bias(fields),
            stop=stop_sequences(fields),
            user=fields.text("user"),
            stream=fields.boolean("stream") or False,
        )
        options = Fields(fields.members("stream_options") or {}, "stream_options")
        include_usage = options.boolean("include_usage")
        if left := options.left():
            fields.put_back("stream_options", left)
        return replace(request, include_usage=include_usage, extra={NAME: fields.left()})

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream; a chat of more than instructions and one question cannot be said."""
        assert isinstance(typed, ChatRequest)
        notes = Notes(own=NAME in typed.extra, dialect=NAME)
        body: dict[str, Any] = {"model": typed.model}
        if "prompt" not in typed.extra.get(NAME, {}):
            body["prompt"] = _prompt(typed.messages, notes)
        for name in _SAME_NAMES:
            if getattr(typed, name) is not None:
                body[name] = getattr(typed, name)
        if typed.stop:
            body["stop"] = list(typed.stop)
        if typed.stream:
            body["stream"] = True
        if typed.include_usage is not None:
            body["stream_options"] = {"include_usage": typed.include_usage}
        for name in _CHAT_ONLY:
            if getattr(typed, name) not in (None, (), False):
                notes.lost(_CALLED.get(name, name), "completions have no such parameter")
        for name in _CHAT_HINTS:
            if getattr(typed, name) is not None:
                notes.hint(name)
        notes.extra(body, typed.extra)
        return body, notes.fidelity()

    def with_defaults(self, members: Members, defaults: Mapping[str, Any]) -> Members:
        """Defaults where the caller gave none."""
        return add_defaults(members, defaults)

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without `choices`, or with an `error`."""
        check_reply(members)

    def parse_reply(self, members: Mapping[str, Any]) -> ChatReply:
        """The typed reply. Raises BadGatewayError."""
        check_reply(members)
        try:
            return _parse_reply(Fields(members, ""))
        except BadRequestError as error:
            raise BadGatewayError(f"the upstream's reply is not a completion: {error.message}") from error

    def render_reply(self, typed: TypedReply) -> dict[str, Any]:
        """Members of the caller's reply."""
        assert isinstance(typed, ChatReply)
        body: dict[str, Any] = {
            "id": typed.id or new_id(),
            "object": "text_completion",
            "created": int(self._clock()) if typed.created is None else typed.created,
            "model": typed.model,
            "choices": [_choice_body(choice) for choice in typed.choices],
        }
        if typed.fingerprint is not None:
            body["system_fingerprint"] = typed.fingerprint
        if typed.usage is not None:
            body["usage"] = render_usage(typed.usage)
        add_members(body, typed.extra.get(NAME, {}))
        return body

    def usage_of(self, members: Members) -> Usage | None:
        """The usage a reply states."""
        return usage_of(members)

    def decoder(self) -> CompletionsDecoder:
        """A decoder for one upstream stream."""
        return CompletionsDecoder(NAME)

    def encoder(self, *, model: str, include_usage: bool) -> CompletionsEncoder:
        """An encoder for one caller's stream."""
        return CompletionsEncoder(model=model, include_usage=include_usage, clock=self._clock)

    def relay(self, *, model: str, hide_usage: bool = False) -> ChatRelay:
        """A relay for one stream; its frames differ from chat's only where a relay does not look."""
        return ChatRelay(model=model, hide_usage=hide_usage)

    def render_error(self, error: NovaError) -> dict[str, Any]:
        """OpenAI's error body."""
        return render_error(error)


class CompletionsDecoder(ChatDecoder):
    """Decodes one stream of `text_completion` chunks."""

    __slots__ = ()

    def choice_of(self, choice: dict[str, Any]) -> dict[str, Any]:
        """The choice with its `text` as a chat delta."""
        rest = {name: value for name, value in choice.items() if name != "text"}
        return {**rest, "delta": {"content": choice.get("text")}}


class CompletionsEncoder:
    """Encodes one stream; only text has a form here."""

    __slots__ = ("_head", "_include_usage", "_usage")

    def __init__(self, *, model: str, include_usage: bool, clock: Callable[[], float]) -> None:
        self._head: dict[str, Any] = {"id": "", "object": "text_completion", "created": int(clock()), "model": model}
        self._include_usage = include_usage
        self._usage: Usage | None = None

    def encode(self, events: tuple[Event, ...]) -> bytes:
        """One chunk per piece of text."""
        return b"".join(self._event(event) for event in events)

    def end(self) -> bytes:
        """The usage chunk if the caller asked for it, and `[DONE]`."""
        if self._include_usage and self._usage is not None:
            return self._frame([], usage=render_usage(self._usage)) + DONE
        return DONE

    def fail(self, error: NovaError) -> bytes:
        """An error frame, and no `[DONE]`."""
        return error_frame(error)

    def _event(self, event: Event) -> bytes:
        match event:
            case StreamStart():
                self._head["id"] = event.id
                if event.created is not None:
                    self._head["created"] = event.created
            case UsageUpdate():
                self._usage = event.usage
            case TextDelta() | RefusalDelta():
                return self._choice(event.choice, text=event.text)
            case LogprobsDelta() if "tokens" in event.logprobs:
                return self._choice(event.choice, logprobs=event.logprobs)
            case Finish():
                word, _ = render_finish(event.reason, event.native)
                return self._choice(event.choice, finish_reason=word)
        return b""

    def _choice(self, index: int, *, text: str = "", logprobs: Any = None, finish_reason: str | None = None) -> bytes:
        return self._frame([{"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish_reason}])

    def _frame(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        self._head["id"] = self._head["id"] or new_id()
        return sse_bytes(Frame(msgspec.json.encode({**self._head, "choices": choices, **more})))


def _messages(fields: Fields) -> tuple[Message, ...]:
    prompt = fields.take("prompt")
    if isinstance(prompt, list) and prompt and all(isinstance(item, str) for item in prompt):
        if len(prompt) > 1:
            raise bad_field("prompt", "holds several prompts, which are not one chat: send one request for each")
        prompt = prompt[0]
    if isinstance(prompt, str):
        return (Message("user", (Text(prompt),)),)
    if isinstance(prompt, list) and prompt:
        # Tokens mean nothing without the model's tokenizer.
        fields.put_back("prompt", prompt)
        return ()
    raise bad_field("prompt", "is required: a string, or an array of strings or tokens")


def _prompt(messages: tuple[Message, ...], notes: Notes) -> str:
    texts = [message.text for message in messages]
    roles = [message.role for message in messages]
    only_text = all(isinstance(part, Text) for message in messages for part in message.parts)
    instructed = all(role in ("system", "developer") for role in roles[:-1])
    if not roles or roles[-1] != "user" or not instructed or not only_text:
        notes.lost("messages", "a prompt holds instructions and one question, as text")
    elif len(roles) > 1:
        notes.approximated("messages", "instructions are put in front of the prompt")
    for place, message in enumerate(messages):
        path = f"messages[{place}]"
        note_beside(message, path, notes)
        for number, part in enumerate(message.parts):
            note_beside(part, f"{path}.content[{number}]", notes)
    return "\n\n".join(texts)


def _parse_reply(fields: Fields) -> ChatReply:
    fields.take("object")
    created = fields.number("created")
    return ChatReply(
        id=fields.text("id") or "",
        model=fields.text("model") or "",
        choices=tuple(_parse_choice(item, place) for place, item in enumerate(fields.array("choices") or ())),
        usage=parse_usage(fields.take("usage")),
        created=None if created is None else int(created),
        fingerprint=fields.text("system_fingerprint"),
        extra=fields.extra(NAME),
    )


def _parse_choice(value: Any, place: int) -> Choice:
    fields = Fields(value, f"choices[{place}]")
    index, text, word = fields.integer("index"), fields.required_text("text"), fields.text("finish_reason")
    reason, native = parse_finish(word, called_tools=False) if word else (None, None)
    if reason == "error":
        raise BadGatewayError("the upstream stopped with an error before its answer was complete")
    return Choice(
        index=place if index is None else index,
        message=Message("assistant", (Text(text),) if text else ()),
        finish=reason,
        native_finish=native,
        logprobs=fields.members("logprobs"),
        extra=fields.extra(NAME),
    )


def _choice_body(choice: Choice) -> dict[str, Any]:
    word, _ = render_finish(choice.finish, choice.native_finish)
    text = "".join(part.text for part in choice.message.parts if isinstance(part, Text | Refusal))
    logprobs = choice.logprobs if choice.logprobs and "tokens" in choice.logprobs else None
    body: dict[str, Any] = {"text": text, "index": choice.index, "logprobs": logprobs, "finish_reason": word}
    add_members(body, choice.extra.get(NAME, {}))
    return body


OPENAI_COMPLETIONS: Final[Dialect] = OpenAICompletions()
