"""An engine that batches continuously: at each step every running request gets its next word."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.outputs import CompletionOutput, RequestOutput
from vllm.sampling_params import RequestOutputKind, SamplingParams

ENGINES: list[AsyncLLM] = []
"""Every engine that was made, for tests to look at."""
STEP_SECONDS = 0.001


class AsyncLLM:
    def __init__(self, engine_args: AsyncEngineArgs) -> None:
        if engine_args.dtype == "bfloat16":
            raise RuntimeError("Engine core initialization failed")
        self.engine_args = engine_args
        self.model_config = SimpleNamespace(model=engine_args.model, max_model_len=engine_args.max_model_len)
        self.environment = {name: value for name, value in os.environ.items() if name.startswith("VLLM_")}
        self.asked: list[SamplingParams] = []
        self.aborted: list[str] = []
        self.largest_batch = 0
        self.errored = self.is_shut_down = False
        self._running: dict[str, asyncio.Queue[str | None]] = {}
        self._words: dict[str, Any] = {}
        self._steps = asyncio.get_running_loop().create_task(self._step())
        ENGINES.append(self)

    @classmethod
    def from_engine_args(
        cls,
        engine_args: AsyncEngineArgs,
        start_engine_loop: bool = True,
        usage_context: Any = None,
        stat_loggers: list[Any] | None = None,
    ) -> AsyncLLM:
        return cls(engine_args)

    def shutdown(self, timeout: float | None = None) -> None:
        self.is_shut_down = True
        self._steps.cancel()

    async def get_supported_tasks(self) -> tuple[str, ...]:
        pools = self.engine_args.runner == "pooling" or "embed" in self.engine_args.model
        return ("embed",) if pools else ("generate",)

    async def generate(
        self,
        prompt: Any,
        sampling_params: SamplingParams,
        request_id: str,
        *,
        prompt_text: str | None = None,
        lora_request: Any = None,
        tokenization_kwargs: dict[str, Any] | None = None,
        trace_headers: Mapping[str, str] | None = None,
        priority: int = 0,
        data_parallel_rank: int | None = None,
        session_id: str | None = None,
        kv_hints: Any = None,
        reasoning_ended: bool | None = None,
        reasoning_parser_kwargs: dict[str, Any] | None = None,
    ) -> AsyncGenerator[RequestOutput, None]:
        if self.errored:
            raise RuntimeError("EngineCore encountered an issue.")
        self.asked.append(sampling_params)
        said: asyncio.Queue[str | None] = asyncio.Queue()
        self._words[request_id] = _answer(prompt, sampling_params)
        self._running[request_id] = said
        text = ""
        limit = sampling_params.max_tokens or self.engine_args.max_model_len
        delta = sampling_params.output_kind is RequestOutputKind.DELTA
        try:
            for place in range(limit + 1):
                word = await said.get() if place < limit else None
                text = (word or "") if delta else text + (word or "")
                reason = None if word is not None else "length" if place == limit else "stop"
                outputs = [CompletionOutput(index, text, reason) for index in range(sampling_params.n)]
                yield RequestOutput(request_id, list(range(len(prompt.split()))), outputs, reason is not None)
                if reason:
                    return
        except (asyncio.CancelledError, GeneratorExit):
            await self.abort(request_id)
            raise
        finally:
            self._running.pop(request_id, None)

    async def abort(self, request_id: str | Iterable[str], internal: bool = False) -> None:
        ids = [request_id] if isinstance(request_id, str) else list(request_id)
        self.aborted.extend(ids)
        for each in ids:
            self._running.pop(each, None)

    async def _step(self) -> None:
        while True:
            await asyncio.sleep(STEP_SECONDS)
            self.largest_batch = max(self.largest_batch, len(self._running))
            for request_id, said in self._running.items():
                said.put_nowait(next(self._words[request_id], None))


def _answer(prompt: str, params: SamplingParams) -> Iterable[str]:
    """The words of the prompt; `forever` has no end, and a schema decides what is said."""
    if params.structured_outputs is not None:
        yield json.dumps(dict.fromkeys(params.structured_outputs["properties"], prompt))
        return
    while True:
        yield from prompt.splitlines(keepends=True) if "\n" in prompt else (f"{word} " for word in prompt.split())
        if prompt != "forever":
            return
