"""The library: sync and async calls, streams, objects, errors; without a file and from one."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

import nova_core
from nova_core import (
    ConfigurationError,
    Gateway,
    ModelNotFoundError,
    RateLimitedError,
    acompletion,
    aembedding,
    completion,
    embedding,
    register_model,
)
from nova_core.gateway.library import SyncStream, shared_library
from nova_core.gateway.objects import Answer
from nova_core.testing.upstream import ScriptedUpstream

HELLO = [{"role": "user", "content": "say hello"}]


def test_a_reply_has_attributes_items_and_plain_data() -> None:
    reply = completion("echo/echo", HELLO)
    assert isinstance(reply, Answer)
    assert reply.choices[0].message.content == reply["choices"][0]["message"]["content"] == reply.text
    assert "say hello" in reply.text
    assert reply.model_dump()["object"] == "chat.completion"
    assert reply.choices[0].message.tool_calls is None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    assert reply.headers["call-id"]
    with pytest.raises(AttributeError, match="no 'nonsense'"):
        reply.nonsense  # noqa: B018


def test_a_stream_is_an_iterator_and_says_the_same() -> None:
    stream = completion("echo/echo", HELLO, stream=True)
    assert isinstance(stream, SyncStream)
    whole = completion("echo/echo", HELLO)
    assert isinstance(whole, Answer)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == whole.text


def test_a_stream_can_be_left_early() -> None:
    with completion("echo/echo", [{"role": "user", "content": "many words " * 50}], stream=True) as stream:
        assert isinstance(stream, SyncStream)
        next(stream)
    with pytest.raises(StopIteration):
        next(stream)


async def test_sync_calls_work_inside_a_running_loop() -> None:
    reply = completion("echo/echo", HELLO)
    assert isinstance(reply, Answer) and reply.text


async def test_async_calls_and_streams() -> None:
    reply = await acompletion("echo/echo", HELLO)
    assert isinstance(reply, Answer)
    stream = await acompletion("echo/echo", HELLO, stream=True)
    assert not isinstance(stream, Answer)
    async with stream:
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    assert text == reply.text


def test_async_calls_work_in_one_loop_after_another() -> None:
    for _ in range(2):
        reply = asyncio.run(acompletion("echo/echo", HELLO))
        assert isinstance(reply, Answer) and reply.text


async def test_embeddings() -> None:
    one = embedding("echo/embed", "a sentence", dimensions=8)
    same = await aembedding("echo/embed", ["a sentence", "another"], dimensions=8)
    assert len(one.data[0].embedding) == 8
    assert one.data[0].embedding == same.data[0].embedding != same.data[1].embedding


def test_errors_are_typed_and_say_where_they_happened() -> None:
    with pytest.raises(RateLimitedError) as caught:
        completion("echo/echo", [{"role": "user", "content": "!error 429 retry-after=2"}], num_retries=0)
    assert (caught.value.status_code, caught.value.provider, caught.value.retry_after) == (429, "echo", 2)
    assert caught.value.deployment_id


def test_a_provider_that_is_not_installed_is_named_with_the_pip_line() -> None:
    with pytest.raises(ModelNotFoundError, match="pip install nova-plugin-nowhere"):
        completion("nowhere/model", HELLO)


def test_key_and_base_can_be_given_with_the_call(threaded_upstream: ScriptedUpstream) -> None:
    threaded_upstream.script("m", text="served")
    reply = completion(
        "custom_openai/m", HELLO, api_base=f"{threaded_upstream.url}/v1", api_key="sk-given", extra_headers={"X-Y": "z"}
    )
    assert isinstance(reply, Answer) and reply.text == "served"
    assert threaded_upstream.last.header("authorization") == "Bearer sk-given"
    assert threaded_upstream.last.header("x-y") == "z"
    assert "api_base" not in threaded_upstream.last.json


async def test_a_gateway_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "nova.yaml"
    file.write_text("model_list:\n  - model_name: mine\n    params: {model: echo/echo}\n")
    async with Gateway.from_config(file) as gateway:
        reply = await gateway.completion("mine", HELLO)
        assert isinstance(reply, Answer)
        assert reply.model == "mine" and "say hello" in reply.text
        assert (await gateway.chat("mine", "hi")).headers["model-group"] == "mine"


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(nova_core, name) is not None for name in nova_core.__all__)


@pytest.mark.parametrize("model", ["echo/echo", "local/smollm2-135m-instruct"])
def test_a_script_ends_without_a_word_after_its_answer(model: str) -> None:
    script = (
        "from nova_core import completion\n"
        f"reply = completion({model!r}, [{{'role': 'user', 'content': 'hi'}}], max_tokens=3)\n"
        "print('answered', bool(reply.text))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "answered True", "")


def test_a_stream_that_is_dropped_unread_is_closed(threaded_upstream: ScriptedUpstream) -> None:
    threaded_upstream.script("m", stream=["word "] * 100, gap=0.05)
    stream = completion("openai/m", HELLO, stream=True, api_base=f"{threaded_upstream.url}/v1", api_key="k")
    library = shared_library()
    assert library._gateway is not None and library._gateway.in_flight == 1
    del stream
    gc.collect()
    deadline = time.monotonic() + 2
    while library._gateway.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert library._gateway.in_flight == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_calls_and_ends_as_its_parent_does() -> None:
    script = (
        "import os, sys\n"
        "from nova_core import completion\n"
        "ask = lambda: print(bool(completion('echo/echo', [{'role': 'user', 'content': 'hi'}]).text), flush=True)\n"
        "ask()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    ask()\n"
        "    sys.exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "ask()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.split()) == (0, ["True"] * 3)


async def test_the_sync_functions_refuse_to_wait_on_the_librarys_own_loop() -> None:
    async def as_a_hook_would() -> None:
        completion("echo/echo", HELLO)

    with pytest.raises(RuntimeError, match="use the async functions"):
        await shared_library().thread.bridge(as_a_hook_would())


def test_registered_prices_are_what_calls_cost() -> None:
    assert "response-cost" not in completion("echo/priced", HELLO).headers
    register_model({"echo/priced": {"input_cost_per_token": 0.5, "output_cost_per_token": 0}})
    reply = completion("echo/priced", HELLO)
    assert isinstance(reply, Answer)
    assert Decimal(reply.headers["response-cost"]) == Decimal("0.5") * reply.usage.prompt_tokens
    register_model({"echo/priced": {"output_cost_per_token": 0.25}})
    again = completion("echo/priced", HELLO)
    assert isinstance(again, Answer)
    extra = Decimal("0.25") * again.usage.completion_tokens
    assert Decimal(again.headers["response-cost"]) == Decimal(reply.headers["response-cost"]) + extra
    with pytest.raises(ConfigurationError, match="register_model of 'echo/priced': input_cost_per_token"):
        register_model({"echo/priced": {"input_cost_per_token": "cheap"}})
    given = completion("echo/priced", HELLO, input_cost_per_token=0, output_cost_per_token=0)
    assert isinstance(given, Answer) and Decimal(given.headers["response-cost"]) == 0
