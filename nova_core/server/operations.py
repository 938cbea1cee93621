"""Routes for operators and tools: reloading the configuration, counting tokens."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Body, Depends

from nova_core.config.explain import ConfigError
from nova_core.errors import BadRequestError, ConfigurationError, NotFoundError
from nova_core.server.access import Caller, admin_needed, key_needed
from nova_core.server.serving import Serving
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.tokens import count_chat, count_text


def operation_routes(serving: Serving) -> APIRouter:
    """`/config/reload` and `/utils/token_counter`."""
    router = APIRouter(tags=["operations"])
    caller, administrator, json_body = Depends(key_needed(serving)), Depends(admin_needed(serving)), Body()

    async def reload_config(who: Caller = administrator) -> dict[str, Any]:
        """Read the configuration anew; when it cannot be used, the one in use stays and the problems are listed."""
        if serving.reload is None:
            raise NotFoundError("This gateway was not started from a configuration file.", code="not_found")
        try:
            notes = await serving.reload()
        except ConfigurationError as error:
            raise _refused(error) from error
        return {"status": "reloaded", "notes": notes}

    async def count_tokens(request: dict[str, Any] = json_body, who: Caller = caller) -> dict[str, Any]:
        """Tokens of `messages`, `prompt` or `contents`, counted offline."""
        model = request.get("model")
        if not isinstance(model, str) or not model:
            raise BadRequestError("`model` is missing", param="model")
        total = await asyncio.to_thread(_count, request, model)
        used = next((d.model for d in who.runtime.catalog.groups.get(model, ())), model)
        return {"total_tokens": total, "request_model": model, "model_used": used, "tokenizer_type": "local_tokenizer"}

    router.add_api_route("/config/reload", reload_config, methods=["POST"])
    router.add_api_route("/utils/token_counter", count_tokens, methods=["POST"])
    return router


def _count(request: dict[str, Any], model: str) -> int:
    messages, prompt, contents = request.get("messages"), request.get("prompt"), request.get("contents")
    if messages is not None:
        members = {"model": model, "messages": messages}
        if "tools" in request:
            members["tools"] = request["tools"]
        OPENAI_CHAT.check_request(members)
        typed: Any = OPENAI_CHAT.parse_request(members)
        return count_chat(typed)
    if isinstance(prompt, str):
        return count_text(prompt)
    if isinstance(prompt, list) and all(isinstance(piece, str) for piece in prompt):
        return sum(map(count_text, prompt))
    if contents is not None:
        return sum(map(count_text, _texts(contents)))
    raise BadRequestError("give `messages`, `prompt` (text or a list of texts) or `contents`", param="messages")


def _texts(value: Any) -> list[str]:
    """Every `text` inside Gemini's `contents`."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for item in value.values() if isinstance(item, list | dict) for text in _texts(item)]
    return []


def _refused(error: ConfigurationError) -> BadRequestError:
    problems = [problem.render() for problem in error.problems] if isinstance(error, ConfigError) else [error.message]
    return BadRequestError(
        "the configuration was not reloaded, the one in use stays:\n" + "\n".join(problems), code="configuration_error"
    )
