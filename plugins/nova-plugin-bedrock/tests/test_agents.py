"""Agents, and the endpoint for OpenAI's API: where they are asked, who signs, and what comes back."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest

from nova_core.errors import BadGatewayError, ConfigurationError, RateLimitedError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, count_request, responses_request
from nova_core.testing.upstream_amazon import event_message
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_plugin_bedrock.mantle import Mantle
from nova_plugin_bedrock.provider import Bedrock

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PAIR = {"aws_access_key_id": "AKIDSETTINGS", "aws_secret_access_key": "settings-secret"}
RUNTIME = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/my-agent"
CLAUDE = "anthropic.claude-opus-4-8"
HELLO: dict[str, Any] = {"model": "g", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def made(model: str, plugin: Any = None, **fields: Any) -> Deployment:
    given = {"id": "d", "group": "g", "provider": "bedrock", "model": model, "settings": PAIR}
    deployment: Deployment = (plugin or Bedrock()).complete(Deployment(**{**given, **fields}), {})
    return deployment


def asked(model: str, request: Request, **fields: Any) -> UpstreamRequest:
    return Bedrock(lambda: MOMENT).provider_call(Call(request), request, made(model, **fields)).request


def piece(text: bytes) -> bytes:
    coded = {"bytes": base64.b64encode(text).decode()}
    return event_message(json.dumps(coded).encode(), event_type="chunk")


def trace(given: int, wrote: int) -> bytes:
    usage = {"metadata": {"usage": {"inputTokens": given, "outputTokens": wrote}}}
    said = {"trace": {"orchestrationTrace": {"modelInvocationOutput": usage}}, "sessionId": "s"}
    return event_message(json.dumps(said).encode(), event_type="trace")


def validated(service: str, operation: str, params: dict[str, Any]) -> None:
    """Raises AssertionError for what botocore's service model does not know."""
    validate = pytest.importorskip("botocore.validate")
    from botocore.session import Session

    shape = Session().get_service_model(service).operation_model(operation).input_shape
    report = validate.ParamValidator().validate(params, shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("stream", [False, True])
async def test_an_agent_answers_in_events_whole_and_streamed(stream: bool, upstream: ScriptedUpstream) -> None:
    whole = "Jà.".encode()
    body = [trace(3, 2), piece(whole[:2]), trace(4, 1), piece(whole[2:])]
    upstream.script("*", sse=body)
    told = [
        {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}, {"role": "user", "content": "And?"},
    ]  # fmt: skip
    async with bench(Bedrock(), made("agent/AGENT/ALIAS", api_base=upstream.url)) as asking:
        request = chat_request("g", told, stream=stream, session_id="s/1", enableTrace=True)
        reply = await asking.chat(request)
    assert (reply.text, reply.choices[0].finish) == ("Jà.", "stop")
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.output) == (7, 3)
    assert upstream.last.route == "/agents/AGENT/agentAliases/ALIAS/sessions/s%2F1/text"
    params = upstream.last.json
    assert params["inputText"] == "And?"
    assert ("streamingConfigurations" in params) is stream
    validated("bedrock-agent-runtime", "InvokeAgent", {
        **params, "agentId": "AGENT", "agentAliasId": "ALIAS", "sessionId": "s1",
    })  # fmt: skip


def test_agents_live_at_the_neighbouring_hosts_and_sign_for_their_services() -> None:
    request = chat_request("g", "Hi")
    agent = asked("agent/A/B", request)
    assert agent.url.startswith(
        "https://bedrock-agent-runtime.us-west-2.amazonaws.com/agents/A/agentAliases/B/sessions/"
    )
    core = asked(f"agentcore/{RUNTIME}", request, settings={**PAIR, "qualifier": "prod"})
    assert core.url.startswith("https://bedrock-agentcore.eu-west-1.amazonaws.com/runtimes/arn%3Aaws")
    assert core.url.endswith("/invocations?qualifier=prod")
    assert unquote(core.url.split("/")[4]) == RUNTIME
    assert "/20260102/us-west-2/bedrock/aws4_request" in dict(agent.headers)["Authorization"]
    assert "/20260102/eu-west-1/bedrock-agentcore/aws4_request" in dict(core.headers)["Authorization"]
    keyed = {"AWS_BEARER_TOKEN_BEDROCK": "a-token", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}
    bare = Deployment("d", "g", "bedrock", "agent/A/B")
    assert Bedrock().complete(bare, keyed).api_key is None
    with pytest.raises(UnsupportedParamsError, match="temperature"):
        asked("agent/A/B", chat_request("g", "Hi", temperature=0.5))
    with pytest.raises(ConfigurationError, match="alias"):
        made("agent/A")
    with pytest.raises(ConfigurationError, match="bedrock_mantle"):
        made("mantle/openai.gpt-oss-20b")


async def test_agents_that_fail_say_so(upstream: ScriptedUpstream) -> None:
    exception = {":message-type": "exception", "message_type": "exception", "exception_type": "throttlingException"}
    upstream.script("*", sse=[event_message(b'{"message":"slow down"}', **exception)])
    upstream.script("*", sse=[event_message(b'{"invocationId":"i"}', event_type="returnControl")])
    upstream.script("*", json={"error": "no such thing"})
    async with bench(Bedrock(), made("agent/A/B", api_base=upstream.url)) as asking:
        with pytest.raises(RateLimitedError, match="slow down"):
            await asking.chat(chat_request("g", "Hi"))
        with pytest.raises(BadGatewayError, match="to act"):
            await asking.chat(chat_request("g", "Hi"))
    async with bench(Bedrock(), made(f"agentcore/{RUNTIME}", api_base=upstream.url)) as asking:
        with pytest.raises(BadGatewayError, match="no such thing"):
            await asking.chat(chat_request("g", "Hi"))


EVENTS = [
    b'data: {"init_event_loop": true}\n\n',
    b'data: {"event": {"contentBlockDelta": {"delta": {"text": "Ye"}}}}\n\n',
    b'data: {"event": {"contentBlockDelta": {"delta": {"text": "s."}}}}\n\n',
    b'data: {"message": {"role": "assistant", "content": [{"text": "Yes."}]}}\n\n',
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        {"json": {"result": {"role": "assistant", "content": [{"text": "Ye"}, {"text": "s."}]}}},
        {"json": "Yes."},
        {"sse": [b'data: "Ye"\n\n', b'data: "s."\n\n']},
        {"sse": EVENTS},
    ],
    ids=["object", "text", "texts", "events"],
)
async def test_an_agent_of_the_runtime_answers_in_json_or_events(
    answer: dict[str, Any], stream: bool, upstream: ScriptedUpstream
) -> None:
    body = answer.get("sse") or [json.dumps(answer["json"]).encode()]
    upstream.script("*", sse=body)
    session = "a-session-of-more-than-thirty-three-characters"
    async with bench(Bedrock(), made(f"agentcore/{RUNTIME}", api_base=upstream.url)) as asking:
        reply = await asking.chat(chat_request("g", "Hi", stream=stream, session_id=session, mood="good"))
    assert (reply.text, reply.choices[0].finish) == ("Yes.", "stop")
    assert upstream.last.json == {"prompt": "Hi", "mood": "good"}
    assert upstream.last.header("x-amzn-bedrock-agentcore-runtime-session-id") == session


async def test_the_endpoint_for_openais_api_is_asked_with_a_signature_or_a_key(upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    provider = Mantle(lambda: MOMENT)
    fields = {"provider": "bedrock_mantle", "api_base": f"{upstream.url}/v1"}
    settings = {**PAIR, "aws_region_name": "us-east-2", "aws_session_token": "temporary"}
    scope = "/20260102/us-east-2/bedrock-mantle/aws4_request"
    async with bench(provider, made("openai.gpt-oss-20b", provider, settings=settings, **fields)) as asking:
        for request, path in (
            (chat_request("g"), "/v1/chat/completions"),
            (chat_request("g", stream=True), "/v1/chat/completions"),
            (responses_request("g"), "/v1/responses"),
        ):
            assert (await asking.chat(request)).text == "hi"
            assert upstream.last.route == path
            assert scope in (upstream.last.header("authorization") or "")
            assert upstream.last.json["model"] == "openai.gpt-oss-20b"
    async with bench(provider, made(CLAUDE, provider, settings=settings, **fields)) as asking:
        assert (await asking.chat(chat_request("g"))).text == "hi"
    assert upstream.last.route == "/anthropic/v1/messages"
    assert scope in (upstream.last.header("authorization") or "")
    assert upstream.last.header("anthropic-version") == "2023-06-01"


async def test_claudes_own_platform_is_asked_for_a_workspace(upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    settings = {**PAIR, "anthropic_workspace_id": "wrkspc_1"}
    model = "claude_platform/us-east-2/claude-opus-4-8"
    async with bench(Bedrock(lambda: MOMENT), made(model, settings=settings, api_base=upstream.url)) as asking:
        for request in (chat_request("g"), Request("chat", ANTHROPIC_MESSAGES, {**HELLO, "stream": True})):
            assert (await asking.chat(request)).text == "hi"
            assert upstream.last.route == "/v1/messages"
        assert isinstance(await asking.ask(count_request("g", "Hi there")), Reply)
    assert (upstream.last.route, upstream.last.json["model"]) == ("/v1/messages/count_tokens", "claude-opus-4-8")
    assert upstream.last.header("anthropic-workspace-id") == "wrkspc_1"
    assert "/20260102/us-east-2/aws-external-anthropic/aws4_request" in (upstream.last.header("authorization") or "")


def test_claudes_own_platform_takes_a_key_of_its_own_and_needs_a_workspace() -> None:
    bare = Deployment("d", "g", "bedrock", "claude_platform/claude-opus-4-8")
    environ = {
        "AWS_REGION": "eu-west-1", "ANTHROPIC_AWS_WORKSPACE_ID": "wrkspc_1", "ANTHROPIC_AWS_API_KEY": "a-key",
        "AWS_BEARER_TOKEN_BEDROCK": "another",
    }  # fmt: skip
    request, provider = chat_request("g"), Bedrock()
    sent = provider.provider_call(Call(request), request, provider.complete(bare, environ)).request
    assert sent.url == "https://aws-external-anthropic.eu-west-1.api.aws/v1/messages"
    assert dict(sent.headers)["Authorization"] == "Bearer a-key"
    with pytest.raises(ConfigurationError, match="ANTHROPIC_AWS_WORKSPACE_ID"):
        provider.complete(bare, {})


async def test_the_runtime_serves_chat_completions_of_its_own(upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    async with bench(
        Bedrock(), made("chat_completions/us-east-2/openai.gpt-oss-20b-1:0", api_base=upstream.url)
    ) as asking:
        for stream in (False, True):
            assert (await asking.chat(chat_request("g", stream=stream))).text == "hi"
    assert upstream.last.route == "/openai/v1/chat/completions"
    assert upstream.last.json["model"] == "openai.gpt-oss-20b-1:0"
    assert "/us-east-2/bedrock/aws4_request" in (upstream.last.header("authorization") or "")


def test_the_endpoint_for_openais_api_is_the_regions_and_a_key_comes_before_the_environments_keys() -> None:
    bare = Deployment("d", "g", "bedrock_mantle", "m")
    environ = {"AWS_REGION": "eu-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}
    provider = Mantle(lambda: MOMENT)
    assert provider.complete(bare, environ).api_base == "https://bedrock-mantle.eu-1.api.aws/v1"
    request = chat_request("m")
    for more, proof in (({}, "Credential=AKID/"), ({"AWS_BEARER_TOKEN_BEDROCK": "a-token"}, "Bearer a-token")):
        sent = provider.provider_call(Call(request), request, provider.complete(bare, {**environ, **more})).request
        assert proof in dict(sent.headers)["Authorization"]
    elsewhere = {**environ, "BEDROCK_MANTLE_API_BASE": "https://elsewhere.test/v1"}
    there = provider.complete(bare, elsewhere)
    assert there.api_base == "https://elsewhere.test/v1"
