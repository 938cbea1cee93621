"""Oracle Cloud: where it is asked, who asks, and what both formats make of a conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nova_core.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ConfigurationError,
    UnsupportedParamsError,
)
from nova_core.testing.conformance_upstream import PARALLEL_RESULTS
from nova_core.testing.provider_bench import chat_request, embeddings_request
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_plugin_oci.provider import Oci

from .oci_upstream import settings

LLAMA, COHERE = "meta.llama-3.3-70b-instruct", "cohere.command-a-03-2025"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Where."}, "days": {"type": "array", "items": {}}},
            "required": ["city"],
        },
    },
}


def deployed(provider: Oci, model: str = LLAMA, **said: Any) -> Deployment:
    return provider.complete(Deployment("d", "public", "oci", model, settings={**settings(), **said}), {})


def asked(request: Request, model: str = LLAMA, *, drop: bool | None = None, **said: Any) -> tuple[Call, Exchange]:
    provider = Oci(lambda: 1_700_000_000.0)
    call = Call(request, options=CallOptions(drop_params=drop))
    return call, provider.provider_call(call, request, deployed(provider, model, **said))


def sent(exchange: Exchange) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(exchange.request.body or b"")
    return body


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-frankfurt-1", "eu-frankfurt-1.oci.oraclecloud.com"),
        ("us-gov-ashburn-1", "us-gov-ashburn-1.oci.oraclegovcloud.com"),
        ("eu-frankfurt-2", "eu-frankfurt-2.oci.oraclecloud.eu"),
    ],
)
def test_the_region_says_where(region: str, host: str):
    _, exchange = asked(chat_request("public"), oci_region=region)
    assert exchange.request.url == f"https://inference.generativeai.{host}/20231130/actions/chat"
    _, exchange = asked(embeddings_request("public", "a"), oci_region=region)
    assert exchange.request.url.endswith("/20231130/actions/embedText")


def test_what_is_missing_is_told(tmp_path: Path):
    bare = Deployment("d", "g", "oci", LLAMA)
    with pytest.raises(ConfigurationError, match="OCI_REGION"):
        Oci().complete(bare, {})
    with pytest.raises(ConfigurationError, match="OCI_COMPARTMENT_ID"):
        Oci().complete(bare, {"OCI_REGION": "r"})
    environ = {"OCI_REGION": "r", "OCI_COMPARTMENT_ID": "c"}
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Oci().complete(bare, {**environ, "OCI_KEY_FILE": str(tmp_path / "none.pem")})
    provider, request = Oci(), chat_request("public")
    with pytest.raises(AuthenticationError, match="OCI_FINGERPRINT"):
        provider.provider_call(Call(request), request, provider.complete(bare, environ))
    with pytest.raises(ConfigurationError, match="PEM"):
        asked(request, oci_key="no key")


def test_a_key_may_be_in_a_file(tmp_path: Path):
    (tmp_path / "key.pem").write_text(settings()["oci_key"].replace("\\n", "\n"))
    _, exchange = asked(chat_request("public"), oci_key="", oci_key_file=str(tmp_path / "key.pem"))
    assert 'algorithm="rsa-sha256"' in dict(exchange.request.headers)["Authorization"]
    assert settings()["oci_key"][40:80] not in repr(exchange)


def test_endpoints_are_dedicated():
    endpoint = "ocid1.generativeaiendpoint.oc1.x"
    for model, said in ((endpoint, {}), (LLAMA, {"oci_endpoint_id": endpoint})):
        _, exchange = asked(chat_request("public"), model, **said)
        assert sent(exchange)["servingMode"] == {"servingType": "DEDICATED", "endpointId": endpoint}


def test_the_generic_format_says_everything_in_its_words():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
        *PARALLEL_RESULTS[1:3],
    ]
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}
    request = chat_request(
        "public", messages, tools=[TOOL], tool_choice={"type": "function", "function": {"name": "get_weather"}},
        stop="END", n=2, seed=3, reasoning_effort="max", response_format=schema, logprobs=True, top_logprobs=4,
        parallel_tool_calls=False, stream=True, safePrompt=True,
    )  # fmt: skip
    call, exchange = asked(request)
    said = sent(exchange)["chatRequest"]
    assert [each["role"] for each in said["messages"]] == ["SYSTEM", "USER", "ASSISTANT", "TOOL"]
    assert said["messages"][1]["content"][1] == {
        "type": "IMAGE",
        "imageUrl": {"url": "data:image/png;base64,AA==", "detail": "LOW"},
    }
    assert said["messages"][2]["toolCalls"][0]["name"] == "get_weather"
    assert said["messages"][3] == {
        "role": "TOOL",
        "content": [{"type": "TEXT", "text": "minus seven degrees"}],
        "toolCallId": "c1",
    }
    assert said["tools"] == [{"type": "FUNCTION", **TOOL["function"]}]
    assert {name: said[name] for name in ("toolChoice", "stop", "numGenerations", "reasoningEffort", "logProbs")} == {
        "toolChoice": {"type": "FUNCTION", "name": "get_weather"},
        "stop": ["END"],
        "numGenerations": 2,
        "reasoningEffort": "HIGH",
        "logProbs": 4,
    }
    assert said["responseFormat"]["jsonSchema"] == {"name": "n", "schema": {"type": "object"}, "isStrict": True}
    assert (said["isStream"], said["isParallelToolCalls"], said["safePrompt"]) == (True, False, True)
    assert "reasoning_effort" in [note.field for note in call.fidelity.notes]
    assert "maxCompletionTokens" in sent(asked(chat_request("public"), "openai.gpt-5")[1])["chatRequest"]


def test_the_cohere_format_tells_what_was_said_before():
    _, exchange = asked(chat_request("public", PARALLEL_RESULTS, tools=[TOOL]), COHERE)
    said = sent(exchange)["chatRequest"]
    calls = [
        {"name": "get_weather", "parameters": {"city": "Oslo"}},
        {"name": "get_time", "parameters": {"zone": "CET"}},
    ]
    assert said["chatHistory"] == [
        {"role": "USER", "message": "Weather in Oslo, and the time?"},
        {"role": "CHATBOT", "message": "", "toolCalls": calls},
    ]
    assert said["message"] == ""
    assert said["toolResults"] == [
        {"call": calls[0], "outputs": [{"output": "minus seven degrees"}]},
        {"call": calls[1], "outputs": [{"output": "a quarter past nine"}]},
    ]
    assert said["tools"][0]["parameterDefinitions"] == {
        "city": {"description": "Where.", "type": "str", "isRequired": True},
        "days": {"description": '{"items":{}}', "type": "list", "isRequired": False},
    }
    follow_up = [*PARALLEL_RESULTS, {"role": "assistant", "content": "Cold."}, {"role": "user", "content": "And now?"}]
    _, exchange = asked(chat_request("public", follow_up, stop=["x"]), COHERE)
    said = sent(exchange)["chatRequest"]
    assert (said["message"], said["stopSequences"]) == ("And now?", ["x"])
    assert [turn["role"] for turn in said["chatHistory"]] == ["USER", "CHATBOT", "TOOL", "CHATBOT"]


def test_what_the_cohere_format_has_no_word_for_is_refused_or_dropped():
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]}]
    for name, members in {
        "tool_choice": {"tools": [TOOL], "tool_choice": "required"},
        "parallel_tool_calls": {"parallel_tool_calls": False},
        "messages[0].content[0]": {"messages": image},
        "n": {"n": 2},
    }.items():
        request = chat_request("public", members.pop("messages", "hi"), **members)
        with pytest.raises(UnsupportedParamsError) as caught:
            asked(request, COHERE)
        assert name in caught.value.message
        call, _ = asked(request, COHERE, drop=True)
        assert name in call.fidelity.dropped


def test_embeddings_map_tasks_and_refuse_what_is_no_text():
    _, exchange = asked(embeddings_request("public", "a", dimensions=256, task="retrieval.query", truncate="END"))
    body = sent(exchange)
    assert (body["inputs"], body["outputDimensions"], body["inputType"]) == (["a"], 256, "SEARCH_QUERY")
    assert body["truncate"] == "END"
    assert sent(asked(embeddings_request("public", "a", input_type="search_document"))[1])["inputType"] == (
        "SEARCH_DOCUMENT"
    )
    with pytest.raises(UnsupportedParamsError, match="task"):
        asked(embeddings_request("public", "a", task="code"))
    with pytest.raises(BadRequestError, match=r"input\[1\]"):
        asked(embeddings_request("public", ["a", {"image": "AA=="}]))


def test_answers_that_are_none_are_errors():
    _, exchange = asked(chat_request("public"))
    for body, words in (
        ({"chatResponse": {"apiFormat": "COHERE", "errorMessage": "too toxic"}}, "too toxic"),
        ({"code": "429", "message": "too busy"}, "too busy"),
        ({"chatResponse": {"choices": []}}, "shape"),
        ([], "shape"),
    ):
        with pytest.raises(BadGatewayError, match=words):
            exchange.read(UpstreamResponse(200, {}, json.dumps(body).encode()))
