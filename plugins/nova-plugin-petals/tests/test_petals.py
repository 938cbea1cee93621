"""Petals: a form in, and text out."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from nova_core.errors import BadGatewayError, ConfigurationError, InternalServerError, UnsupportedParamsError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench, chat_request, completion_request
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_plugin_petals import plugin

SAID = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


def asked(request: Request, model: str = "petals-team/StableBeluga2", **fields: Any) -> Exchange:
    given = Deployment("d", "public", "petals", model, **{"api_base": "https://swarm.example", **fields})
    exchange: Exchange = plugin.provider_call(Call(request), request, plugin.complete(given, {}))
    return exchange


def sent(request: Request, model: str = "petals-team/StableBeluga2", **fields: Any) -> dict[str, str]:
    return dict(parse_qsl(asked(request, model, **fields).request.content.decode()))


def test_a_question_is_a_form():
    exchange = asked(chat_request("public", "Hi & bye"))
    assert exchange.request.url == "https://swarm.example/api/v1/generate"
    assert exchange.request.headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    said = dict(parse_qsl(exchange.request.content.decode()))
    assert said == {"model": "petals-team/StableBeluga2", "inputs": "Hi & bye", "max_new_tokens": "100"}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, {}),
        ({"temperature": 0, "top_k": 5}, {"do_sample": "0", "top_k": "5"}),
        ({"temperature": 0.5, "top_p": 0.9}, {"do_sample": "1", "temperature": "0.5", "top_p": "0.9"}),
        ({"session_id": "s-1", "do_sample": True}, {"do_sample": "1", "session_id": "s-1"}),
    ],
)
def test_an_answer_is_sampled_where_somebody_says_how(members: dict[str, Any], expected: dict[str, str]):
    told = sent(chat_request("public", **members))
    assert {
        name: value for name, value in told.items() if name not in ("model", "inputs", "max_new_tokens")
    } == expected


def test_a_conversation_is_told_in_the_template_of_its_model():
    assert sent(chat_request("public", SAID))["inputs"] == "Be brief.\n\nHi"
    llama = sent(chat_request("public", SAID), "meta-llama/Llama-2-70b-chat-hf")["inputs"]
    assert llama == "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]"
    assert sent(completion_request("public", "Once"), "meta-llama/Llama-2-70b-chat-hf")["inputs"] == "Once"
    roles = {"user": {"pre_message": "Q: ", "post_message": "\n"}}
    assert sent(chat_request("public"), settings={"roles": roles})["inputs"] == "Q: Hi there\n"


def test_an_answer_has_a_limit():
    bare = chat_request("public").without("max_tokens")
    assert sent(bare)["max_new_tokens"] == "1024"
    assert "max_new_tokens" not in sent(bare.with_members({"max_length": 2048}))


@pytest.mark.parametrize("name", ["stop", "seed", "n", "presence_penalty"])
def test_what_the_server_does_not_take_is_refused_by_name(name: str):
    with pytest.raises(UnsupportedParamsError, match=f"`{name}`"):
        asked(chat_request("public", **{name: ["END"] if name == "stop" else 2}))


@pytest.mark.parametrize("base", ["", "/", "/api", "/api/v1", "/api/v1/generate"])
def test_a_base_has_as_much_of_the_path_as_it_likes(base: str):
    exchange = asked(chat_request("public"), api_base=f"https://swarm.example/x{base}")
    assert exchange.request.url == "https://swarm.example/x/api/v1/generate"


def test_an_address_is_needed():
    with pytest.raises(ConfigurationError, match="PETALS_API_BASE"):
        plugin.complete(Deployment("d", "g", "petals", "m"), {})


def test_an_answer_ends_before_the_mark_of_its_end():
    reply = asked(chat_request("public")).read(UpstreamResponse(200, {}, b'{"ok": true, "outputs": " Hello.</s>"}'))
    assert isinstance(reply, Reply)
    assert (reply.typed.text, reply.typed.choices[0].finish) == (" Hello.", "stop")


def test_a_failure_is_told_by_the_last_line_of_its_traceback():
    body = b'{"ok": false, "traceback": "Traceback:\\n  File \\"/srv/x.py\\"\\nKeyError: \'m\'\\n"}'
    with pytest.raises(InternalServerError, match="KeyError: 'm'") as caught:
        asked(chat_request("public")).read(UpstreamResponse(200, {}, body))
    assert "/srv" not in caught.value.message
    with pytest.raises(BadGatewayError, match="outputs"):
        asked(chat_request("public")).read(UpstreamResponse(200, {}, b'{"ok": true}'))


async def test_a_stream_that_nobody_asked_for_is_an_error(upstream: ScriptedUpstream):
    headers = {"content-type": "text/event-stream"}
    upstream.script("/api/v1/generate", body=b'data: {"outputs": "Hello."}\n\n', headers=headers)
    given = Deployment("d", "public", "petals", "m", api_base=upstream.url)
    async with bench(plugin, plugin.complete(given, {})) as at:
        with pytest.raises(BadGatewayError, match="come whole"):
            await at.ask(chat_request("public", stream=True))
