"""The provider over what stands for an installed vLLM: one engine a model, calls batched, left, refused, broken."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nova_core.errors import (
    APIConnectionError,
    BadRequestError,
    ConfigurationError,
    ContextWindowExceededError,
    InternalServerError,
    NovaError,
    RequestTimeoutError,
    StreamBrokenError,
    UnsupportedParamsError,
)
from nova_core.testing import ProviderConformance
from nova_core.testing.provider_bench import chat_request
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.types.message import Stream
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.capabilities import capabilities_of
from nova_core.wire.samples import SAMPLES
from nova_plugin_vllm import VllmProvider, plugin
from nova_plugin_vllm.codec import Codec
from nova_plugin_vllm.engine import Engine
from nova_plugin_vllm.plan import Plan, plan_of
from nova_plugin_vllm.runtime import Served, launch

INSTALLED = Path(__file__).parent / "installed"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


@pytest.fixture(scope="module", autouse=True)
def _installed() -> Iterator[None]:
    """`vllm` is what lies beside this file, whatever is installed."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "vllm"}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(INSTALLED)
        yield
        asyncio.run(plugin.shutdown())
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        del sys.modules[name]
    sys.modules.update(before)


class TestVllm(ProviderConformance):
    plugin = plugin
    provider = "vllm"
    operations = frozenset({"chat", "completion", "embedding", "count_tokens"})
    embedding_model = "embed-a"
    settings: ClassVar = {"settings": {"engine_args": {"tool_call_parser": "lines"}}}

    async def test_its_word_on_what_it_takes_is_true(self) -> None:
        async with self.bench() as bench:
            word = capabilities_of(plugin, bench.deployment)
            for name, sample in SAMPLES.items():
                try:
                    await bench.ask(sample.request("chat"))
                except UnsupportedParamsError:
                    assert word.fate(name) is Fate.LOST, name
                else:
                    assert bench.call is not None
                    dropped = any(field.startswith(sample.where) for field in bench.call.fidelity.dropped)
                    assert word.fate(name) is (Fate.HINT if dropped else Fate.MAPPED), name


def engines() -> list[Any]:
    """Every engine that was made, in order."""
    return list(sys.modules["vllm.v1.engine.async_llm"].ENGINES)


def entry(name: str = "m", model: str = "vllm/tiny", **params: Any) -> dict[str, Any]:
    return {"model_name": name, "params": {"model": model, **params}}


async def until(happened: Callable[[], object]) -> None:
    """Wait, for a second at most."""
    for _ in range(200):
        if happened():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it did not happen within a second")


def forever(**members: Any) -> Call:
    return Call(chat_request("m", "forever", **{"max_tokens": 10**6, **members}))


@pytest.fixture
async def caller(gateway):
    return await gateway({"model_list": [entry(engine_args={"max_model_len": 50})]})


async def test_deployments_of_the_same_model_share_an_engine_that_batches_their_calls(gateway):
    twins = [entry("a", engine_args={"dtype": "float32"}), entry("b", engine_args={"dtype": "float32"})]
    caller = await gateway({"model_list": twins})
    replies = await asyncio.gather(*(caller.chat(name, f"{name} says a few words") for name in "abababab"))
    assert {reply.text.split()[0] for reply in replies} == {"a", "b"}
    assert engines()[-1].largest_batch == 8
    assert engines()[-1].engine_args.dtype == "float32"


async def test_engines_end_with_the_gateway(caller):
    await caller.chat("m")
    engine = engines()[-1]
    await caller.gateway.stop()
    assert engine.is_shut_down


async def test_a_model_may_load_with_the_gateway(gateway):
    before = len(engines())
    await gateway({"model_list": [entry(preload=True, engine_args={"tensor_parallel_size": 2})]})
    await until(lambda: len(engines()) > before)
    assert engines()[-1].engine_args.tensor_parallel_size == 2


async def test_a_vllm_of_servers_elsewhere_changes_nothing_here(gateway, monkeypatch):
    monkeypatch.setenv("VLLM_API_BASE", "http://elsewhere")
    monkeypatch.setenv("VLLM_API_KEY", "of-a-server")
    caller = await gateway({"model_list": [entry(engine_args={"enforce_eager": True})]})
    assert (await caller.chat("m", "all the same")).text.strip() == "all the same"
    said = {"VLLM_WORKER_MULTIPROC_METHOD": "spawn", "VLLM_CONFIGURE_LOGGING": "0", "VLLM_NO_USAGE_STATS": "1"}
    assert said.items() <= engines()[-1].environment.items()


async def test_what_a_caller_asks_for_reaches_the_engine(caller):
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    said = {"temperature": 0.5, "seed": 7, "stop": ["END"], "max_tokens": 20, "logprobs": True, "top_logprobs": 2}
    reply = await caller.chat("m", "yes", n=2, response_format=schema, **said)
    assert [json.loads(choice.message.parts[0].text) for choice in reply.choices] == [{"answer": "yes"}] * 2
    assert reply.choices[0].logprobs is not None
    asked = engines()[-1].asked[-1]
    assert (asked.n, asked.temperature, asked.seed, asked.stop, asked.max_tokens) == (2, 0.5, 7, ["END"], 20)
    assert asked.output_kind.name == "FINAL_ONLY"


async def test_a_caller_of_another_dialect_is_answered_in_it(caller):
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "two words"}]}
    reply = await caller.answer(body, dialect=ANTHROPIC_MESSAGES)
    assert reply.get("content")[0]["text"].strip() == "two words"
    assert reply.get("usage")["input_tokens"] == 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_caller_who_leaves_stops_the_engine(caller, streamed):
    await caller.chat("m")
    engine = engines()[-1]
    before = len(engine.aborted)
    if streamed:
        stream = await caller.answer(
            {"model": "m", "messages": [{"role": "user", "content": "forever"}], "stream": True, "max_tokens": 10**6}
        )
        assert b"forever" in await anext(aiter(stream))
        await stream.aclose()
    else:
        call = asyncio.create_task(caller.chat("m", "forever", max_tokens=10**6))
        await asyncio.sleep(0.05)
        call.cancel()
    await until(lambda: len(engine.aborted) > before)


async def test_a_deadline_stops_the_engine(gateway):
    caller = await gateway({"model_list": [entry(timeout=0.2)], "router_settings": {"num_retries": 0}})
    with pytest.raises(RequestTimeoutError):
        await caller.chat("m", "forever", max_tokens=10**6)
    await until(lambda: engines()[-1].aborted)


async def test_a_prompt_that_is_too_long_says_so(caller):
    with pytest.raises(ContextWindowExceededError):
        await caller.chat("m", "word " * 60)


async def test_an_engine_that_breaks_down_is_started_anew(gateway):
    caller = await gateway(
        {"model_list": [entry(engine_args={"hf_overrides": {"a": 1}})], "router_settings": {"num_retries": 0}}
    )
    with pytest.raises(InternalServerError, match="EngineCore"):
        await caller.chat("m", "die")
    broken = engines()[-1]
    assert (await caller.chat("m", "again")).text.strip() == "again"
    assert broken.is_shut_down
    assert engines()[-1] is not broken


async def test_an_engine_that_cannot_start_is_a_failed_connection():
    engine = Engine(Plan("tiny", ("--dtype=bfloat16",)))
    with pytest.raises(APIConnectionError, match="could not start tiny: Engine core initialization failed"):
        await engine.ask("/v1/chat/completions", b"{}")
    await engine.aclose()
    with pytest.raises(APIConnectionError, match="was closed"):
        await engine.ready()


async def test_an_engine_that_is_closed_while_it_starts_is_ended_too():
    served: list[Served] = []

    async def slowly(plan: Plan) -> Served:
        await asyncio.sleep(0.05)
        served.append(await launch(plan))
        return served[0]

    engine = Engine(Plan("tiny"), slowly)
    starting = asyncio.create_task(engine.ready())
    await asyncio.sleep(0.01)
    await engine.aclose()
    assert served[0].engine.is_shut_down
    assert await starting is served[0]


async def test_the_gateways_logs_are_as_loud_as_before(caplog):
    caplog.set_level(logging.INFO)
    engine = Engine(Plan("tiny"))
    await engine.ready()
    assert {logging.root.level, caplog.handler.level} == {logging.INFO}
    await engine.aclose()


async def test_an_argument_that_vllm_does_not_have_is_named():
    engine = Engine(Plan("tiny", ("--tensor-paralel=2",)))
    with pytest.raises(ConfigurationError, match="--tensor-paralel=2"):
        await engine.ready()
    await engine.aclose()


async def test_an_answer_that_is_cut_off_by_the_end_is_no_whole_one(caller):
    stream = await caller.gateway.run(forever(stream=True))
    assert isinstance(stream, Stream)
    frames = aiter(stream.frames)
    await anext(frames)
    await plugin.shutdown()
    with pytest.raises(StreamBrokenError):
        async for _ in frames:
            pass
    await stream.aclose()


async def test_a_reload_keeps_the_engines_that_are_still_named_and_ends_the_others(gateway):
    kept, gone = entry("kept", "vllm/kept"), entry("gone", "vllm/gone")
    caller = await gateway({"model_list": [kept, gone]})
    await asyncio.gather(caller.chat("kept"), caller.chat("gone"))
    first, second = engines()[-2:]
    other = await gateway({"model_list": [kept]})
    await other.chat("kept")
    by_model = {engine.engine_args.model: engine for engine in (first, second)}
    await until(lambda: by_model["gone"].is_shut_down)
    assert not by_model["kept"].is_shut_down
    assert engines()[-1] in (first, second)


async def test_an_adapter_is_asked_by_its_name_and_a_model_of_any_other_name_by_the_engines(gateway):
    args = {"model": "base", "enable_lora": True, "lora_modules": ["poet=/adapters/poet"]}
    caller = await gateway(
        {"model_list": [entry("a", "vllm/poet", engine_args=args), entry("b", "vllm/any", engine_args=args)]}
    )
    before = len(engines())
    for name in "ab":
        assert (await caller.chat(name, "hello")).text.strip() == "hello"
    assert len(engines()) == before + 1


async def test_a_model_that_is_not_made_for_it_says_so(caller):
    with pytest.raises(BadRequestError, match="does not serve embedding") as refused:
        await caller.embed("m", "a")
    assert refused.value.code == "unsupported_operation"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"tools": [TOOL]}, "tools"),
        ({"tools": [TOOL], "tool_choice": "required"}, "tools"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"guided_json": SCHEMA}, "guided_json"),
    ],
)
async def test_what_the_engine_cannot_do_is_refused_by_name(caller, members, param):
    with pytest.raises(UnsupportedParamsError) as refused:
        await caller.chat("m", "Hi", **members)
    assert f"`{param}`" in refused.value.message
    await caller.chat("m", "Hi", user="u", **members, options=CallOptions(drop_params=True))
    assert {param, "user"} <= set(caller.last.fidelity.dropped)


async def test_tools_that_are_not_to_be_called_need_no_parser(caller):
    assert (await caller.chat("m", "Hi", tools=[TOOL], tool_choice="none")).text
    assert (await caller.chat("m", "Hi", tools=[], tool_choice="auto")).text
    assert caller.last.fidelity.dropped == ("tool_choice", "tools")


def deployment(**settings: Any) -> Deployment:
    return Deployment("d", "g", "vllm", "tiny", settings=settings)


def test_thinking_is_an_argument_of_the_template_and_a_budget_where_thoughts_are_parsed():
    asked = chat_request("g", thinking={"type": "enabled", "budget_tokens": 50})
    for parser, budget in (("qwen3", 50), (None, None)):
        made = deployment(engine_args={"reasoning_parser": parser})
        exchange = Codec(plan_of(made)).provider_call(Call(asked), asked, made)
        body = json.loads(exchange.request.content)
        assert body["chat_template_kwargs"] == {"thinking": True, "enable_thinking": True}
        assert body.get("thinking_token_budget") == budget
        assert exchange.fidelity.dropped == (() if budget else ("thinking.budget_tokens",))


def test_its_word_on_tools_depends_on_the_parser():
    word = {name: capabilities_of(plugin, deployment(engine_args={"tool_call_parser": name})) for name in ("a", None)}
    assert (word["a"].fate("function_calling"), word[None].fate("function_calling")) == (Fate.MAPPED, Fate.LOST)


def test_arguments_are_those_of_the_command_line():
    plan = plan_of(
        deployment(
            engine_args={
                "tensor-parallel-size": 2,
                "enforce_eager": False,
                "lora_modules": ["a=b", {"name": "c", "path": "d"}],
                "hf_overrides": {"x": 1},
                "tokenizer": None,
            }
        )
    )
    assert plan.arguments == (
        "--disable-fastapi-docs", "--disable-log-stats", "--enable-prompt-tokens-details", "--no-enforce-eager",
        '--hf-overrides={"x": 1}', "--lora-modules", "a=b", '{"name": "c", "path": "d"}', "--tensor-parallel-size=2",
    )  # fmt: skip
    assert plan.adapters == {"a", "c"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"settings": {"engine_args": ["dtype"]}}, "must be a mapping"),
        ({"settings": {"engine_args": {"port": 1}}}, "is about a server"),
        ({"settings": {"engine_args": {"model": 3}}}, "a name or a folder"),
        ({"model": "*"}, "name the models"),
        ({"api_base": "http://elsewhere"}, "hosted_vllm"),
    ],
)
def test_what_cannot_be_meant_is_known_at_start(changes, problem):
    fields: dict[str, Any] = {"id": "d", "group": "g", "provider": "vllm", "model": "tiny", **changes}
    with pytest.raises(ConfigurationError, match=problem):
        VllmProvider().complete(Deployment(**fields), {})


async def test_without_vllm_the_line_that_installs_it_is_said(gateway, monkeypatch):
    monkeypatch.setattr("nova_plugin_vllm.runtime.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="run: pip install vllm"):
        VllmProvider().complete(deployment(), {})
    with pytest.raises(NovaError, match="run: pip install vllm"):
        await Engine(Plan("tiny")).ready()
