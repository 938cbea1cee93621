"""The provider over vLLM itself, where that is installed (`make engines`), with a tiny model of random weights."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nova_core.errors import BadRequestError, ConfigurationError, ContextWindowExceededError, UnsupportedParamsError
from nova_core.testing import ProviderConformance
from nova_core.testing.provider_bench import ProviderBench, chat_request, embeddings_request, function_tool
from nova_core.types.chat import ChatReply, ToolCall
from nova_core.types.message import Reply, Stream
from nova_plugin_vllm import plugin
from nova_plugin_vllm.engine import Engine
from nova_plugin_vllm.parameters import MEMBERS
from nova_plugin_vllm.plan import Plan

pytest.importorskip("vllm")

STANDS_FOR_IT = Path(__file__).parents[1] / "installed" / "vllm"
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LETTERS = range(len(SPECIAL) + 64, len(SPECIAL) + 90)
"""Where the tokens of `a` to `z` are, about: bytes in order of the alphabet that the tokenizer writes them in."""
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
)
SCHEMA = {
    "type": "object",
    "properties": {"sunny": {"type": "boolean"}},
    "required": ["sunny"],
    "additionalProperties": False,
}
SMALL = {"dtype": "float32", "enforce_eager": True, "max_model_len": 512, "max_num_seqs": 8, "max_logprobs": 3}
UNTIL_DONE = {"max_tokens": 200, "allowed_token_ids": None}


def made_model(folder: Path) -> str:
    """A Llama of two layers that knows bytes alone."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={word: at for at, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=SPECIAL[2], pad_token=SPECIAL[0])
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=1024, bos_token_id=0, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


class TestVllmItself(ProviderConformance):
    plugin = plugin
    provider = "vllm"
    operations = frozenset({"chat", "completion", "count_tokens"})
    settings: ClassVar = {"settings": {"engine_args": {**SMALL, "tool_call_parser": "hermes"}}}
    members: ClassVar = {"temperature": 0, "max_tokens": 12, "allowed_token_ids": [*LETTERS]}

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _running(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
            cls.model = made_model(tmp_path_factory.mktemp("model"))
            asyncio.run(cls.engine().ready())
            yield
            asyncio.run(plugin.shutdown())

    @classmethod
    def engine(cls) -> Engine:
        return plugin._seat(cls().deployment()).engine

    async def told(self, said: str = "Hello", **members: Any) -> ChatReply:
        async with self.bench() as bench:
            return await bench.chat(self.asked(said, **members))

    async def test_a_seed_makes_an_answer_repeatable_and_choices_differ(self) -> None:
        first, second = [await self.told(temperature=1, seed=5, n=2) for _ in range(2)]
        texts = [[choice.message.parts for choice in reply.choices] for reply in (first, second)]
        assert texts[0] == texts[1]
        assert texts[0][0] != texts[0][1]

    async def test_an_answer_ends_where_it_should(self) -> None:
        whole = (await self.told()).text
        assert len(whole) == 12
        stopped = await self.told(stop=[whole[4:6]])
        assert stopped.text == whole[: whole.index(whole[4:6])]
        assert stopped.choices[0].finish == "stop"

    async def test_probabilities_and_penalties(self) -> None:
        reply = await self.told(logprobs=True, top_logprobs=2, logit_bias={str(LETTERS[3]): 100})
        assert len(set(reply.text)) == 1
        assert reply.choices[0].logprobs is not None
        entries = reply.choices[0].logprobs["content"]
        assert [len(entry["top_logprobs"]) for entry in entries] == [2] * 12
        assert all(entry["logprob"] < 0 for entry in entries)
        varied = await self.told(frequency_penalty=2, presence_penalty=2, repetition_penalty=2)
        assert len(set(varied.text)) > len(set((await self.told()).text))

    @pytest.mark.parametrize("stream", [False, True])
    async def test_structured_output_is_what_its_schema_says(self, stream: bool) -> None:
        wanted = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA}}
        reply = await self.told(response_format=wanted, stream=stream, **UNTIL_DONE)
        assert isinstance(json.loads(reply.text)["sunny"], bool)

    async def test_tools_are_called_in_parallel_plain_and_streamed(self) -> None:
        """Random weights call what they must, and nothing because they are asked to."""
        tool = function_tool("look", sunny={"type": "boolean"})
        tool["function"] |= {"parameters": SCHEMA, "strict": True}
        named = {"type": "function", "function": {"name": "look"}}
        for stream in (False, True):
            reply = await self.told(tools=[tool], tool_choice=named, stream=stream, **UNTIL_DONE)
            (call,) = [part for part in reply.choices[0].message.parts if isinstance(part, ToolCall)]
            assert call.name == "look"
            assert isinstance(json.loads(call.arguments)["sunny"], bool)

    async def test_calls_run_together_and_one_that_is_left_is_aborted(self) -> None:
        engine = (await self.engine().ready()).engine
        async with self.bench() as bench:
            streams = await asyncio.gather(*(self.opened(bench) for _ in range(4)))
            assert engine.get_num_unfinished_requests() == 4
            for stream in streams:
                await stream.aclose()
            for _ in range(200):
                if not engine.get_num_unfinished_requests():
                    break
                await asyncio.sleep(0.01)
            assert not engine.get_num_unfinished_requests()

    async def opened(self, bench: ProviderBench) -> Stream:
        stream = await bench.ask(self.asked("Hello", stream=True, max_tokens=450, ignore_eos=True))
        assert isinstance(stream, Stream)
        assert stream.frames is not None
        await anext(aiter(stream.frames))
        return stream

    async def test_errors_are_of_their_class(self) -> None:
        with pytest.raises(ContextWindowExceededError):
            await self.told("x" * 600)
        with pytest.raises(BadRequestError):
            await self.told(temperature=-1)
        with pytest.raises(UnsupportedParamsError):
            await self.told(guided_regex="[a-z]+")


async def test_a_model_may_embed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")

    class Embedding(ProviderConformance):
        plugin = plugin
        provider = "vllm"
        model = made_model(tmp_path)
        settings: ClassVar = {"settings": {"engine_args": {**SMALL, "runner": "pooling", "convert": "embed"}}}

    try:
        async with Embedding().bench() as bench:
            reply = await bench.ask(embeddings_request("g", ["one", "two"]))
            assert isinstance(reply, Reply)
            assert [len(item["embedding"]) for item in reply.get("data")] == [64, 64]
            with pytest.raises(BadRequestError, match="does not serve chat"):
                await bench.ask(chat_request("g"))
    finally:
        await plugin.shutdown()


async def test_arguments_that_vllm_does_not_have_are_named() -> None:
    engine = Engine(Plan("tiny", ("--tensor-paralel=2",)))
    with pytest.raises(ConfigurationError, match="--tensor-paralel=2"):
        await engine.ready()
    await engine.aclose()


@pytest.mark.parametrize(
    ("dialect", "module", "name"),
    [
        ("openai_chat", "openai.chat_completion.protocol", "ChatCompletionRequest"),
        ("openai_completions", "openai.completion.protocol", "CompletionRequest"),
        ("openai_embeddings", "pooling.embed.protocol", "EmbeddingCompletionRequest"),
        ("jina_rerank", "pooling.scoring.protocol", "RerankRequest"),
    ],
)
def test_members_that_are_sent_are_read(dialect: str, module: str, name: str) -> None:
    request = getattr(importlib.import_module(f"vllm.entrypoints.{module}"), name)
    assert MEMBERS[dialect] <= request.model_fields.keys()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("v1.engine.async_llm", "AsyncLLM.from_engine_args"),
        ("v1.engine.async_llm", "AsyncLLM.generate"),
        ("v1.engine.async_llm", "AsyncLLM.abort"),
        ("v1.engine.async_llm", "AsyncLLM.shutdown"),
        ("v1.engine.async_llm", "AsyncLLM.get_supported_tasks"),
        ("engine.arg_utils", "AsyncEngineArgs.from_cli_args"),
        ("entrypoints.launchers.app", "build_app"),
        ("entrypoints.launchers.api_server.app_state", "init_app_state"),
    ],
)
def test_what_stands_for_vllm_elsewhere_has_its_parameters(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = _found(importlib.import_module(f"vllm.{module}"), name)
    path = STANDS_FOR_IT.joinpath(*module.split(".")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location("stands_for_it", path)
    assert spec is not None
    assert spec.loader is not None
    fake = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, fake)
    spec.loader.exec_module(fake)
    assert _parameters(_found(fake, name)) == _parameters(real)
    assert inspect.iscoroutinefunction(_found(fake, name)) == inspect.iscoroutinefunction(real)


def _found(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module


def _parameters(function: Any) -> list[tuple[str, Any]]:
    return [(each.name, each.kind) for each in inspect.signature(function).parameters.values()]
