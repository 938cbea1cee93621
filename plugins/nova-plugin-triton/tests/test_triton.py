"""Triton: where verbs are, parameters, and models that say little about their answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.errors import BadGatewayError, ConfigurationError, NovaError, StreamBrokenError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, drained, embeddings_request, function_tool
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.events import Frame
from nova_core.types.message import Request, Stream
from nova_core.types.usage import Usage
from nova_plugin_triton import plugin
from nova_plugin_triton.streaming import Decoder

HOST = "http://gpu:8000"


def deployment(model: str = "llama", **fields: Any) -> Deployment:
    made = Deployment(**{"id": "d", "group": "g", "provider": "triton", "model": model, "api_base": HOST, **fields})
    completed: Deployment = plugin.complete(made, {})
    return completed


def sent(request: Request, *, drop: bool = False, **fields: Any) -> tuple[str, dict[str, Any], Call]:
    call = Call(request, options=CallOptions(drop_params=drop))
    asked = plugin.provider_call(call, request, deployment(**fields)).request
    body: dict[str, Any] = msgspec.json.decode(asked.body or b"")
    return asked.url, body, call


def frame(**said: Any) -> bytes:
    return b"data: " + msgspec.json.encode(said) + b"\n\n"


@pytest.mark.parametrize(
    ("base", "model"),
    [
        (HOST, "/v2/models/llama"),
        (f"{HOST}/v2/", "/v2/models/llama"),
        (f"{HOST}/v2/models/other/versions/2", "/v2/models/other/versions/2"),
        (f"{HOST}/v2/models/other/generate", "/v2/models/other"),
        (f"{HOST}/proxy/generate_stream", "/proxy"),
        (f"{HOST}/proxy/infer", "/proxy"),
    ],
)
def test_a_base_may_end_in_a_model_or_a_verb(base: str, model: str) -> None:
    assert sent(chat_request("g"), api_base=base)[0] == f"{HOST}{model}/generate"
    assert sent(chat_request("g", stream=True), api_base=base)[0] == f"{HOST}{model}/generate_stream"
    assert sent(embeddings_request("g", "x"), api_base=base)[0] == f"{HOST}{model}/infer"


def test_a_route_of_ones_own_for_embeddings_is_asked_as_it_is() -> None:
    assert sent(embeddings_request("g", "x"), api_base=f"{HOST}/triton/embeddings")[0] == f"{HOST}/triton/embeddings"


def test_an_address_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="TRITON_API_BASE"):
        plugin.complete(Deployment("d", "g", "triton", "m"), {})


def test_every_parameter_has_its_place() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    request = chat_request("g", messages, temperature=0, top_p=0.9, top_k=5, seed=7, stop="END", min_tokens=3, user="u")
    _, body, call = sent(request)
    assert body == {
        "text_input": "Be brief.\n\nHi",
        "stream": False,
        "parameters": {
            "exclude_input_in_output": True, "return_finish_reason": True, "return_num_input_tokens": True,
            "return_num_output_tokens": True, "max_tokens": 100, "temperature": 0, "top_p": 0.9, "top_k": 5, "seed": 7,
            "stop_words": ["END"], "min_tokens": 3,
        },
    }  # fmt: skip
    assert call.fidelity.dropped == ("user",)


def test_a_model_of_a_known_family_is_told_a_conversation_in_its_template() -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho"},
        {"role": "user", "content": "?"},
    ]
    _, body, _ = sent(chat_request("g", turns), settings={"hf_model_name": "mistralai/Mistral-7B-Instruct-v0.3"})
    assert body["text_input"] == "<s>[INST] Hi [/INST] Ho</s>[INST] ? [/INST]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2), ("logprobs", True), ("tools", [function_tool("f")]), ("response_format", {"type": "json_object"}),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name_or_dropped(name: str, value: Any) -> None:
    request = chat_request("g").with_members({name: value})
    with pytest.raises(UnsupportedParamsError, match=name):
        sent(request)
    _, body, call = sent(request, drop=True)
    assert name not in body["parameters"]
    assert any(field.startswith(name) for field in call.fidelity.dropped)


async def test_a_model_that_says_nothing_but_text_ends_with_its_stream(upstream: ScriptedUpstream) -> None:
    upstream.script("*", sse=[frame(text_output="a"), frame(text_output=["b"])])
    async with bench(plugin, deployment(api_base=upstream.url)) as asking:
        reply = await asking.chat(chat_request("g", stream=True))
        assert (reply.text, reply.choices[0].finish, reply.usage) == ("ab", "stop", None)
        upstream.forget().script("*", json={"text_output": ["whole"], "num_output_tokens": [3]})
        reply = await asking.chat(chat_request("g"))
    assert (reply.text, reply.usage) == ("whole", Usage(output=3))


async def test_tokens_are_counted_by_frame_and_length_is_told(upstream: ScriptedUpstream) -> None:
    counts = {"num_input_tokens": 5, "num_output_tokens": 2}
    said = [
        frame(text_output="a", finish_reason="None", **counts),
        frame(text_output="b", finish_reason="length", **counts),
    ]
    upstream.script("*", sse=said)
    async with bench(plugin, deployment(api_base=upstream.url)) as asking:
        reply = await asking.chat(chat_request("g", stream=True))
    assert (reply.choices[0].finish, reply.usage) == ("length", Usage(input=5, output=4))


async def test_an_error_in_a_stream_is_one(upstream: ScriptedUpstream) -> None:
    upstream.script("*", sse=[frame(text_output="a"), frame(error="rate limit exceeded")])
    async with bench(plugin, deployment(api_base=upstream.url)) as asking:
        stream = await asking.ask(chat_request("g", stream=True))
        assert isinstance(stream, Stream)
        with pytest.raises(NovaError, match="rate limit"):
            await drained(stream)


@pytest.mark.parametrize(
    "answer",
    [
        {"outputs": []},
        {"outputs": [{"shape": [1, 3], "data": [1, 2]}]},
        {"outputs": [{"shape": [2], "data": [1, 2]}]},
        {"error": "no such tensor"},
        {"x": 1},
    ],
)
async def test_what_is_no_tensor_of_vectors_is_an_error(upstream: ScriptedUpstream, answer: dict[str, Any]) -> None:
    upstream.script("*", json=answer)
    async with bench(plugin, deployment(api_base=upstream.url)) as asking:
        with pytest.raises(BadGatewayError):
            (await asking.ask(embeddings_request("g", "x"))).typed  # type: ignore[union-attr]  # noqa: B018
    with pytest.raises(UnsupportedParamsError, match="dimensions"):
        sent(embeddings_request("g", "x", dimensions=3))


@given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([b"{}", b"[]", b'{"text_output": 3}', b"null"]))))
def test_no_frames_crash_the_decoder(frames: list[bytes]) -> None:
    decoder = Decoder()
    try:
        for data in frames:
            decoder.decode(Frame(data))
        decoder.end()
    except StreamBrokenError:
        return
    assert frames
