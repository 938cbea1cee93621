"""Counting tokens where the upstream's server cannot be asked: the gateway counts, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core import Reply
from nova_core.errors import NotFoundError, NovaError
from nova_core.testing.caller import GatewayCaller, GatewayFactory
from nova_core.testing.upstream import ScriptedUpstream
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from nova_core.wire.openai_responses import OPENAI_INPUT_TOKENS

NO_PATH: tuple[dict[str, Any], ...] = (
    {"status": 404, "json": {"detail": "Not Found"}},
    {"status": 404, "body": b"404 page not found"},
    {"status": 404, "json": {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}},
    {"status": 404, "json": {"error": {"code": "unknown_url", "message": "Unknown request URL: POST /v1/responses"}}},
    {"status": 405, "json": {"detail": "Method Not Allowed"}},
)
NO_MODEL: tuple[dict[str, Any], ...] = (
    {"code": "model_not_found", "message": "`llama` is not there", "type": "invalid_request_error"},
    {"code": 404, "message": "The model `llama` does not exist.", "type": "NotFoundError", "param": "model"},
    {"message": "llama not found, try pulling it first"},
    {"message": "No such model"},
    {"code": "deployment_not_found", "message": "not there"},
)


async def counted(gateway: GatewayFactory, provider: str = "openai", **members: Any) -> tuple[GatewayCaller, Any]:
    params = {"model": f"{provider}/llama", "api_base": "{upstream}/v1", "api_key": "upstream-key"}
    caller = await gateway({"model_list": [{"model_name": "m", "params": params}]})
    dialect = OPENAI_INPUT_TOKENS if provider == "openai" else ANTHROPIC_COUNT_TOKENS
    body = {"model": "m", "input": "Hi there", **members} if provider == "openai" else {"model": "m", **members}
    reply = await caller.answer(body, operation="count_tokens", dialect=dialect)
    assert isinstance(reply, Reply)
    return caller, reply.get("input_tokens")


@pytest.mark.parametrize("answer", NO_PATH, ids=lambda answer: str(answer.get("json", "text"))[:40])
async def test_a_server_without_the_path_is_counted_for(
    answer: dict[str, Any], gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("*", **answer)
    caller, tokens = await counted(gateway)
    assert tokens == 9
    assert caller.last is not None
    assert caller.last.reply_headers == {"token-count": "estimated"}
    assert [received.route for received in upstream.requests] == ["/v1/responses/input_tokens"]
    _, more = await counted(gateway, "anthropic", messages=[{"role": "user", "content": "Hi there"}])
    assert more == 9


@pytest.mark.parametrize("error", NO_MODEL, ids=lambda error: error["message"])
async def test_a_model_that_is_not_there_is_no_missing_path(
    error: dict[str, Any], gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("*", status=404, json={"error": error})
    with pytest.raises(NotFoundError):
        await counted(gateway)


async def test_what_only_the_server_knows_cannot_be_counted_here(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("*", status=405, json={"detail": "Method Not Allowed"})
    with pytest.raises(NovaError) as refused:
        await counted(gateway, conversation="conv_1")
    assert (refused.value.status, refused.value.param) == (400, "conversation")


async def test_a_count_of_the_upstreams_own_is_not_called_an_estimate(
    gateway: GatewayFactory, upstream: ScriptedUpstream
) -> None:
    upstream.script("llama", usage=(7, 2))
    caller, tokens = await counted(gateway)
    assert tokens == 7
    assert caller.last is not None
    assert caller.last.reply_headers == {}
