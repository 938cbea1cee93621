"""OpenAI's API over the engine."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import struct
from argparse import Namespace
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from vllm.outputs import RequestOutput
from vllm.sampling_params import RequestOutputKind, SamplingParams

NUMBERS = count(1)


def build_app(args: Namespace, supported_tasks: tuple[str, ...] | None = None, model_config: Any = None) -> Starlette:
    for each in (logging.root, *logging.root.handlers):  # as a library does that vLLM imports
        each.setLevel(logging.ERROR)
    paths = {"/v1/chat/completions": _chat, "/v1/completions": _completion, "/v1/messages/count_tokens": _count}
    if "embed" in (supported_tasks or ()):
        paths = {"/v1/embeddings": _embeddings}
    return Starlette(routes=[Route(path, _guarded(answer), methods=["POST"]) for path, answer in paths.items()])


def _guarded(answer: Any) -> Any:
    """The key, the model's name, and a caller who goes: as vLLM's middleware and decorators see to them."""

    async def guarded(request: Request) -> Response:
        args = request.app.state.args
        if request.headers["authorization"] != f"Bearer {args.api_key[0]}":
            return JSONResponse({"error": "Unauthorized"}, 401)
        body = await request.json()
        adapters = [module.partition("=")[0] for module in args.lora_modules or ()]
        if body["model"] not in (args.model, *adapters):
            return _error(404, f"The model `{body['model']}` does not exist.")
        answering = asyncio.ensure_future(answer(request.app.state, body))
        leaving = asyncio.ensure_future(request._receive())
        done, pending = await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return answering.result() if answering in done else Response(status_code=499)

    return guarded


def _error(status: int, message: str, param: str | None = None) -> Response:
    said = {"message": message, "type": "BadRequestError", "param": param, "code": status}
    return JSONResponse({"error": said}, status)


async def _chat(state: Any, body: dict[str, Any]) -> Response:
    return await _generated(state, body, _text(body["messages"][-1]["content"]), "chat.completion")


async def _completion(state: Any, body: dict[str, Any]) -> Response:
    return await _generated(state, body, _text(body["prompt"]), "text_completion")


async def _count(state: Any, body: dict[str, Any]) -> Response:
    count = sum(len(_text(each["content"]).split()) for each in body["messages"])
    return JSONResponse({"input_tokens": count, "context_management": {"original_input_tokens": count}})


async def _embeddings(state: Any, body: dict[str, Any]) -> Response:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    coded = body.get("encoding_format") == "base64"
    vectors = [(float(len(text)), float(ord(text[2]))) for text in texts]
    shown = [base64.b64encode(struct.pack("<2f", *each)).decode() if coded else list(each) for each in vectors]
    data = [{"object": "embedding", "index": at, "embedding": each} for at, each in enumerate(shown)]
    words = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": words, "total_tokens": words}
    return JSONResponse({"object": "list", "model": body["model"], "data": data, "usage": usage})


async def _generated(state: Any, body: dict[str, Any], prompt: str, kind: str) -> Response:
    engine, longest = state.engine_client, state.args.max_model_len
    if prompt == "die":
        engine.errored = True
    if len(prompt.split()) > longest:
        message = f"This model's maximum context length is {longest} tokens. However, your prompt is longer."
        return _error(400, message, "input_tokens")
    params = SamplingParams(
        n=body.get("n") or 1,
        temperature=body.get("temperature", 1.0),
        seed=body.get("seed"),
        stop=body.get("stop"),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        logprobs=body.get("top_logprobs"),
        structured_outputs=((body.get("response_format") or {}).get("json_schema") or {}).get("schema"),
        output_kind=RequestOutputKind.DELTA if body.get("stream") else RequestOutputKind.FINAL_ONLY,
    )
    said = Said(body, kind, f"cmpl-{next(NUMBERS)}", bool(state.args.tool_call_parser and body.get("tools")))
    outputs = engine.generate(prompt, params, said.id)
    if body.get("stream"):
        return StreamingResponse(said.events(outputs), media_type="text/event-stream")
    try:
        last = [output async for output in outputs][-1]
    except RuntimeError as error:
        return _error(500, str(error))
    return JSONResponse(said.whole(last))


class Said:
    """Outputs of the engine as the API has them; lines `call NAME JSON` are calls where tools are parsed."""

    def __init__(self, body: dict[str, Any], kind: str, id: str, calls_tools: bool) -> None:
        self.id = id
        self._body = body
        self._kind = kind
        self._calls_tools = calls_tools
        self._called = 0

    def whole(self, last: RequestOutput) -> dict[str, Any]:
        written = max(1, len(last.outputs[0].text.split()))
        choices = [self._choice(each, "message") for each in last.outputs]
        return {**self._head(self._kind, choices), "usage": _usage(last, written * len(choices))}

    async def events(self, outputs: AsyncIterator[RequestOutput]) -> AsyncIterator[str]:
        written, last = 0, None
        try:
            async for last in outputs:
                written += sum(bool(each.text) for each in last.outputs)
                yield self._event([self._choice(each, "delta") for each in last.outputs])
        except RuntimeError as error:
            failure = {"message": str(error), "type": "InternalServerError", "code": 500}
            yield f"data: {json.dumps({'error': failure})}\n\n"
        if last is not None and (self._body.get("stream_options") or {}).get("include_usage"):
            yield self._event([], usage=_usage(last, written))
        yield "data: [DONE]\n\n"

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> str:
        kind = "chat.completion.chunk" if self._kind == "chat.completion" else self._kind
        return f"data: {json.dumps({**self._head(kind, choices), **more})}\n\n"

    def _head(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": 1, "model": self._body["model"], "choices": choices}

    def _choice(self, output: Any, member: str) -> dict[str, Any]:
        choice = {"index": output.index, "logprobs": None, "finish_reason": output.finish_reason}
        if self._kind == "text_completion":
            return {**choice, "text": output.text}
        calls = self._calls(output.text) if self._calls_tools else []
        if calls or (self._called and output.finish_reason):
            said = {"role": "assistant", "content": None, "tool_calls": calls}
            return {**choice, member: said, "finish_reason": output.finish_reason and "tool_calls"}
        if self._body.get("logprobs"):
            token = {"token": output.text, "logprob": -0.5, "bytes": None, "top_logprobs": []}
            choice["logprobs"] = {"content": [token]}
        return {**choice, member: {"role": "assistant", "content": output.text, "reasoning": None}}

    def _calls(self, text: str) -> list[dict[str, Any]]:
        calls = []
        for line in text.splitlines():
            if line.startswith("call "):
                _, name, arguments = line.split(" ", 2)
                function = {"name": name, "arguments": arguments}
                calls.append(
                    {"index": self._called, "id": f"c{self._called}", "type": "function", "function": function}
                )
                self._called += 1
        return calls


def _usage(last: RequestOutput, written: int) -> dict[str, int]:
    read = len(last.prompt_token_ids)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
