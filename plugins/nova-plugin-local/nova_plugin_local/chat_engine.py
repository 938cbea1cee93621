"""Chat on a local GGUF model, off the event loop: OpenAI Chat Completions bodies in, chunks or a reply out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nova_plugin_local.chat_reply import assemble
from nova_plugin_local.chat_stream import ChatStream
from nova_plugin_local.errors import InvalidInputError
from nova_plugin_local.models import LocalModel, locate, verify
from nova_plugin_local.worker import Worker, default_threads

if TYPE_CHECKING:
    from nova_plugin_local.llama_runtime import LlamaRuntime

JsonObject = dict[str, Any]

# Fields of a chat completions body that the model's server honours. `n` above 1 needs more than one slot; the
# server's own extensions (slots, adapters, grammars in its syntax) are the operator's and stay out.
SAMPLING_PARAMETERS = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "min_p",
        "presence_penalty",
        "repeat_penalty",
        "response_format",
        "seed",
        "stop",
        "temperature",
        "top_k",
        "top_logprobs",
        "top_p",
    }
)
LENGTH_PARAMETERS = ("max_completion_tokens", "max_tokens")
TOOL_PARAMETERS = frozenset({"parallel_tool_calls", "tool_choice", "tools"})
UNREADABLE = frozenset({"image_url", "input_audio", "video_url", "file"})
"""Parts of a message that a model of text alone cannot read."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """Bounds of one engine: context and default length in tokens, waiting calls, cores."""

    context_size: int = 4096
    default_max_tokens: int = 512
    max_waiting: int = 32
    threads: int = field(default_factory=default_threads)


def honoured_by(model: LocalModel) -> frozenset[str]:
    """Body fields honoured, beside `messages`; anything else is for the caller's drop rules."""
    tools = TOOL_PARAMETERS if model.supports_tools else frozenset()
    return SAMPLING_PARAMETERS | frozenset(LENGTH_PARAMETERS) | tools


class ChatEngine:
    """One model, loaded at the first call, one generation at a time; the others wait in order."""

    def __init__(self, model: LocalModel, settings: ChatSettings | None = None) -> None:
        self.model = model
        self.settings = settings or ChatSettings()
        self._runtime: LlamaRuntime | None = None
        self._loading = threading.Lock()
        self._generating = Worker("nova-local-chat", max_waiting=self.settings.max_waiting)
        self._counting = Worker("nova-local-count", max_waiting=self.settings.max_waiting)
        self._streams: set[ChatStream] = set()

    @property
    def context_size(self) -> int:
        """Tokens of prompt and answer together."""
        return min(self.settings.context_size, self.model.context_size or self.settings.context_size)

    @property
    def loaded(self) -> bool:
        return self._runtime is not None

    @property
    def supported_parameters(self) -> frozenset[str]:
        """See `honoured_by`."""
        return honoured_by(self.model)

    async def open_stream(self, body: Mapping[str, Any]) -> ChatStream:
        """Starts a generation and returns once the prompt is read, so that its errors come before any answer.

        Yields `chat.completion.chunk` objects: deltas, then one with `finish_reason` `stop`, `length` or
        `tool_calls`, then one without choices that carries `usage`. Close it on every exit: closing ends the
        generation at the next token. Raises EngineBusyError, InvalidInputError, PromptTooLongError,
        WeightsNotFoundError, WeightsDamagedError, EngineFailedError, EngineClosedError.
        """
        payload = self._payload(body)
        stream = ChatStream(lambda on_event: self._generate(payload, on_event), on_close=self._streams.discard)
        self._streams.add(stream)
        try:
            await stream.start(self._generating)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def complete(self, body: Mapping[str, Any]) -> JsonObject:
        """The same as one `chat.completion` object with exact `usage`. Cancelling it ends the generation."""
        async with await self.open_stream(body) as stream:
            return assemble([chunk async for chunk in stream])

    async def count_tokens(self, body: Mapping[str, Any]) -> int:
        """Tokens of the prompt after the model's chat template; does not wait for a running generation."""
        payload = self._payload(body)
        return await self._counting.run(lambda: self._ready(payload).count_tokens(payload))

    async def aclose(self) -> None:
        """Ends what runs, frees the model. The engine cannot be used again."""
        for stream in tuple(self._streams):
            await stream.aclose()
        await self._counting.close(lambda: None)
        await self._generating.close(self._unload)

    def _generate(self, payload: JsonObject, on_event: Callable[[JsonObject], bool]) -> None:
        self._ready(payload).generate(payload, on_event)

    def _ready(self, payload: JsonObject) -> LlamaRuntime:
        """The loaded model, in a worker's thread; the first to ask loads it."""
        with self._loading:
            if self._runtime is None:
                self._runtime = self._load()
            runtime = self._runtime
        if payload.get("tools") and not runtime.supports_tools:
            raise InvalidInputError(f"the chat template of {self.model.name} has no tools", "tools")
        return runtime

    def _load(self) -> LlamaRuntime:
        from nova_plugin_local.llama_runtime import LlamaRuntime, RuntimeSettings

        files = locate(self.model)
        verify(self.model, files)
        settings = RuntimeSettings(self.context_size, self.settings.threads)
        return LlamaRuntime(files[0], self.model.name, settings)

    def _unload(self) -> None:
        with self._loading:
            runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    def _payload(self, body: Mapping[str, Any]) -> JsonObject:
        if not body.get("messages"):
            raise InvalidInputError("messages must not be empty", "messages")
        for place in _unreadable(body["messages"]):
            raise InvalidInputError(f"{self.model.name} reads text alone: it cannot take `{place}`", place)
        if not self.model.supports_tools and body.get("tools"):
            raise InvalidInputError(f"{self.model.name} was not trained to call tools", "tools")
        wanted = next((body[name] for name in LENGTH_PARAMETERS if body.get(name) is not None), None)
        if wanted is not None and (not isinstance(wanted, int) or wanted < 1):
            raise InvalidInputError("max_tokens must be a whole number above 0", "max_tokens")
        honoured = self.supported_parameters - frozenset(LENGTH_PARAMETERS)
        payload: JsonObject = dict(self.model.sampling)
        payload |= {name: body[name] for name in honoured if body.get(name) is not None}
        payload["messages"] = body["messages"]
        payload["max_tokens"] = min(wanted or self.settings.default_max_tokens, self.context_size)
        payload["stream"] = True
        payload["stream_options"] = {"include_usage": True}
        payload["return_progress"] = True  # events while the prompt is read: points at which a call can stop
        return payload


def _unreadable(messages: Any) -> Iterator[str]:
    """Where parts stand that are no text, such as `messages[0].content[1]`."""
    for number, message in enumerate(messages):
        content = message.get("content") if isinstance(message, dict) else None
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, dict) and part.get("type") in UNREADABLE:
                yield f"messages[{number}].content[{place}]"
