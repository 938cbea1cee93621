"""The fixtures make a test of the gateway three lines long."""

from __future__ import annotations

import pytest

from nova_core.errors import ModelNotFoundError, ServiceUnavailableError


async def test_falls_back_when_the_first_deployment_is_down(gateway, upstream):
    upstream.script("a", status=503).script("b", text="hi")
    assert (await gateway.chat("gpt")).text == "hi"
    assert upstream.asked == ["a", "b"]


async def test_errors_of_the_gateway_reach_the_test(gateway, upstream):
    upstream.script("*", status=503, message="everything is down")
    with pytest.raises(ServiceUnavailableError, match="everything is down"):
        await gateway.chat("gpt")
    with pytest.raises(ModelNotFoundError):
        await gateway.chat("no-such-model")


async def test_a_stream_is_its_bytes_in_the_callers_dialect(gateway, upstream):
    upstream.script("a", text="three little words")
    sent = b"".join([piece async for piece in gateway.stream("gpt")])
    assert sent.count(b"chat.completion.chunk") >= 4
    assert sent.endswith(b"data: [DONE]\n\n")
    assert b'"gpt"' in sent
    assert upstream.last.json["stream"] is True


async def test_a_gateway_is_made_from_yaml_that_names_the_upstream(gateway, upstream):
    made = await gateway(
        """
        model_list:
          - model_name: vectors
            params: {model: scripted/e, api_base: "{upstream}/v1", api_key: os.environ/THE_KEY}
        """,
        environ={"THE_KEY": "sk-of-the-test"},
    )
    reply = await made.embed("vectors", ["x", "y"], dimensions=4)
    assert [len(vector.embedding) for vector in reply.data] == [4, 4]
    assert upstream.last.header("authorization") == "Bearer sk-of-the-test"
    assert made.last.deployment.model == "e"


async def test_a_plugin_that_is_not_installed_can_be_given(gateway, upstream):
    made = await gateway(
        {"model_list": [{"model_name": "m", "params": {"model": "mine/a", "api_base": "{upstream}/v1"}}]},
        providers={"mine": "nova_core.testing.provider:plugin"},
    )
    upstream.script("a", text="served")
    assert (await made.chat("m")).text == "served"
