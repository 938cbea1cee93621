"""Endpoints: where they are, who signs, what containers are sent, and what they answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    ContextWindowExceededError,
    InternalServerError,
    NovaError,
    RateLimitedError,
    ServiceUnavailableError,
    UnprocessableEntityError,
)
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, completion_request, embeddings_request
from nova_core.testing.upstream_amazon import event_message
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply
from nova_core.types.upstream import UpstreamRequest, UpstreamResponse
from nova_plugin_sagemaker.chat import EndpointChat, EndpointNova
from nova_plugin_sagemaker.generation import EndpointText

PAIR = {"aws_access_key_id": "AKIDOWN", "aws_secret_access_key": "the-own-secret"}
STREAM = {"content-type": "application/vnd.amazon.eventstream"}


def deployment(provider: Any, environ: Mapping[str, str] | None = None, **fields: Any) -> Deployment:
    given = {"id": "d", "group": "g", "provider": provider.providers[0], "model": "my endpoint", "settings": PAIR}
    completed: Deployment = provider.complete(Deployment(**{**given, **fields}), environ or {})
    return completed


def asked(environ: Mapping[str, str] | None = None, *, stream: bool = False, **fields: Any) -> UpstreamRequest:
    provider, request = EndpointChat(), chat_request("g", stream=stream)
    found: UpstreamRequest = provider.provider_call(
        Call(request), request, deployment(provider, environ, **fields)
    ).request
    return found


def test_an_endpoint_is_asked_at_its_address_in_its_region() -> None:
    host = "https://runtime.sagemaker.{}.amazonaws.com/endpoints/my%20endpoint/invocations"
    assert asked().url == host.format("us-west-2")
    assert asked({"AWS_REGION": "eu-west-1"}, stream=True).url == host.format("eu-west-1") + "-response-stream"
    assert asked(settings={**PAIR, "aws_region_name": "cn-north-1"}).url.startswith(
        "https://runtime.sagemaker.cn-north-1.amazonaws.com.cn/endpoints/"
    )
    whole = "https://proxy/endpoints/other/invocations"
    for base in (whole, f"{whole}-response-stream"):
        assert asked(settings={**PAIR, "sagemaker_base_url": base}).url == whole
    sent = asked(settings={**PAIR, "model_id": "adapter-1"})
    assert dict(sent.headers)["X-Amzn-SageMaker-Inference-Component"] == "adapter-1"
    assert re.search(r"AKIDOWN/\d{8}/us-west-2/sagemaker/aws4_request", dict(sent.headers)["Authorization"])


def test_without_keys_a_call_says_what_is_missing() -> None:
    with pytest.raises(AuthenticationError, match="aws_role_name"):
        asked({"AWS_EC2_METADATA_DISABLED": "true"}, settings={})


async def test_a_role_is_assumed_and_what_it_signs_holds(upstream: ScriptedUpstream) -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    xml = (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s"
        "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    upstream.script("/sts/", body=xml.encode()).script("*", text="hi")
    settings = {**PAIR, "aws_role_name": "arn:aws:iam::1:role/r", "aws_sts_endpoint": f"{upstream.url}/sts"}
    provider = EndpointChat()
    async with bench(provider, deployment(provider, api_base=upstream.url, settings=settings)) as asking:
        for _ in range(2):
            assert (await asking.chat(chat_request("g"))).text == "hi"
    assert [seen.route for seen in upstream.requests].count("/sts/") == 1
    names = ("content-type", "host", "x-amz-date", "x-amz-security-token")
    headers = {name: upstream.last.header(name) for name in names}
    request = AWSRequest("POST", upstream.url + upstream.last.path, headers=headers, data=upstream.last.body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = auth.SigV4Auth(Credentials("ASIA", "s", "t"), "sagemaker", "us-west-2")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert (upstream.last.header("authorization") or "").endswith(f"Signature={signer.signature(text, request)}")


async def test_a_prompt_goes_with_parameters_of_text_generation(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=[{"generated_text": "ok", "details": {"finish_reason": "length", "generated_tokens": 2}}])
    provider = EndpointText()
    async with bench(provider, deployment(provider, api_base=upstream.url)) as asking:
        reply = await asking.chat(completion_request("g", "Say", temperature=0.5, stop="END", repetition_penalty=1.1))
        sent = upstream.last.json
        await asking.chat(completion_request("g", ["Say"], temperature=0, details=False))
    assert sent == {
        "inputs": "Say",
        "parameters": {
            "return_full_text": False, "details": True, "max_new_tokens": 100, "temperature": 0.5, "stop": ["END"],
            "repetition_penalty": 1.1, "do_sample": True,
        },
    }  # fmt: skip
    assert upstream.last.json["parameters"] == {
        "return_full_text": False, "details": False, "max_new_tokens": 100, "do_sample": False,
    }  # fmt: skip
    assert (reply.text, reply.choices[0].finish, reply.usage) == ("ok", "length", None)


async def test_lines_of_json_are_a_stream_wherever_they_are_cut(upstream: ScriptedUpstream) -> None:
    events = [{"token": {"text": text}} for text in ("a", "b")]
    events.append({"token": {"text": "c"}, "generated_text": "abc", "details": {"finish_reason": "length"}})
    lines = b"".join(msgspec.json.encode(event) + b"\n" for event in events).rstrip(b"\n")
    provider = EndpointText()
    async with bench(provider, deployment(provider, api_base=upstream.url)) as asking:
        for width in (1, 7, 1000):
            parts = [lines[start : start + width] for start in range(0, len(lines), width)]
            sse = [event_message(part, event_type="PayloadPart") for part in parts]
            upstream.forget().script("*", sse=sse, headers=STREAM)
            reply = await asking.chat(completion_request("g", "Say", stream=True))
            assert (reply.text, reply.choices[0].finish) == ("abc", "length")


@pytest.mark.parametrize(
    ("thrown", "expected"),
    [
        ({"exception_type": "ModelStreamError"}, InternalServerError),
        ({"exception_type": "InternalStreamFailure"}, InternalServerError),
        ({"exception_type": "ThrottlingException"}, RateLimitedError),
    ],
)
async def test_an_exception_in_a_stream_is_its_error(
    upstream: ScriptedUpstream, thrown: dict[str, str], expected: type[NovaError]
) -> None:
    message = event_message(b'{"Message":"the container left"}', message_type="exception", **thrown)
    upstream.script("*", sse=[message], headers=STREAM)
    for provider in (EndpointText(), EndpointChat()):
        async with bench(provider, deployment(provider, api_base=upstream.url)) as asking:
            with pytest.raises(expected, match="the container left"):
                await asking.chat(chat_request("g", stream=True))


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (422, '{"error":"`inputs` tokens + `max_new_tokens` must be <= 4096"}', ContextWindowExceededError),
        (422, '{"error":"unknown field"}', UnprocessableEntityError),
        (503, "busy", ServiceUnavailableError),
    ],
)
def test_a_containers_own_error_counts(status: int, said: str, expected: type[NovaError]) -> None:
    body = {
        "Message": "Received client error",
        "OriginalMessage": said,
        "OriginalStatusCode": status,
        "LogStreamArn": "arn",
    }
    error = EndpointText().read_error(UpstreamResponse(424, {}, msgspec.json.encode(body)))
    assert type(error) is expected
    assert "arn" not in error.message
    refused = UpstreamResponse(400, {"x-amzn-errortype": "ValidationError"}, b'{"Message":"no such endpoint"}')
    assert EndpointText().read_error(refused).message == "no such endpoint"


@pytest.mark.parametrize(
    "answer",
    [
        [[1.0, 2.0], [3.0, 4.0]],
        {"embedding": [[1.0, 2.0], [3.0, 4.0]]},
        {"data": [{"index": 0, "embedding": [1.0, 2.0]}, {"index": 1, "embedding": [3.0, 4.0]}]},
    ],
)
async def test_vectors_come_in_several_shapes(upstream: ScriptedUpstream, answer: Any) -> None:
    upstream.script("*", json=answer)
    provider = EndpointText()
    async with bench(provider, deployment(provider, api_base=upstream.url)) as asking:
        reply = await asking.ask(embeddings_request("g", ["one", "two"]))
        coded = await asking.ask(embeddings_request("g", ["one", "two"], encoding_format="base64"))
    assert upstream.last.json == {"inputs": ["one", "two"]}
    assert isinstance(reply, Reply)
    assert isinstance(coded, Reply)
    typed: Any = reply.typed
    assert [vector.embedding for vector in typed.data] == [[1.0, 2.0], [3.0, 4.0]]
    other: Any = coded.typed
    assert all(isinstance(vector.embedding, str) for vector in other.data)


async def test_vectors_of_tokens_are_no_answer(upstream: ScriptedUpstream) -> None:
    upstream.script("*", json=[[[1.0], [2.0]], [[3.0]]])
    provider = EndpointText()
    async with bench(provider, deployment(provider, api_base=upstream.url)) as asking:
        with pytest.raises((BadGatewayError, InternalServerError), match="tokens"):
            await asking.ask(embeddings_request("g", ["one", "two"]))


async def test_nova_reasons_low_or_high(upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    provider = EndpointNova()
    sent = []
    async with bench(provider, deployment(provider, api_base=upstream.url)) as asking:
        for effort in ("minimal", "high", "xhigh", "none"):
            await asking.chat(chat_request("g", reasoning_effort=effort, top_k=3))
            sent.append(upstream.last.json.get("reasoning_effort"))
    assert sent == ["low", "high", "high", None]
    assert upstream.last.json["top_k"] == 3


async def test_a_gateway_signs_as_its_configuration_says(gateway: Any, upstream: ScriptedUpstream) -> None:
    upstream.script("*", text="hi")
    params = {
        **PAIR, "model": "sagemaker_chat/my endpoint", "sagemaker_base_url": upstream.url,
        "aws_region_name": "eu-west-1", "model_id": "adapter-1",
    }  # fmt: skip
    caller = await gateway({"model_list": [{"model_name": "public", "litellm_params": params}]})
    assert (await caller.chat("public")).text == "hi"
    assert upstream.last.route == "/endpoints/my%20endpoint/invocations"
    assert "/eu-west-1/sagemaker/aws4_request" in (upstream.last.header("authorization") or "")
    assert upstream.last.header("x-amzn-sagemaker-inference-component") == "adapter-1"
    assert upstream.last.json.keys() == {"model", "messages"}


async def test_a_gateway_tells_a_conversation_in_the_operators_template(
    gateway: Any, upstream: ScriptedUpstream
) -> None:
    upstream.script("*", json=[{"generated_text": "ok", "details": {"finish_reason": "eos_token"}}])
    params = {
        **PAIR, "model": "sagemaker/my endpoint", "sagemaker_base_url": upstream.url, "final_prompt_value": "A:",
        "roles": {"user": {"pre_message": "Q: ", "post_message": "\n"}},
    }  # fmt: skip
    caller = await gateway({"model_list": [{"model_name": "public", "litellm_params": params}]})
    assert (await caller.chat("public", "Hi")).text == "ok"
    assert upstream.last.json["inputs"] == "Q: Hi\nA:"
    assert not {"roles", "final_prompt_value"} & upstream.last.json["parameters"].keys()
