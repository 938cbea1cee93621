"""The local provider is a provider like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import ClassVar

import pytest

from nova_core.errors import NovaError
from nova_core.testing import ProviderConformance
from nova_core.types.fidelity import Fate
from nova_core.types.message import Request
from nova_core.wire.capabilities import capabilities_of
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.samples import SAMPLES
from nova_plugin_local import LocalProvider


class TestLocal(ProviderConformance):
    plugin: ClassVar[LocalProvider] = LocalProvider()
    provider = "local"
    operations = frozenset({"chat", "completion", "count_tokens", "embedding"})
    model = "smollm2-135m-instruct"
    embedding_model = "all-minilm-l6-v2"
    calls_tools = False
    members: ClassVar = {"temperature": 0, "max_tokens": 16}

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def engines_end_with_the_class(cls) -> Iterator[None]:
        yield
        asyncio.run(cls.plugin.shutdown())

    async def test_its_word_on_what_it_takes_is_true(self) -> None:
        async with self.bench() as bench:
            word = capabilities_of(self.plugin, bench.deployment)
            for name, sample in SAMPLES.items():
                try:
                    await bench.ask(Request("count_tokens", OPENAI_CHAT, sample.request("chat").members))
                except NovaError:
                    assert word.fate(name) is Fate.LOST, name
                else:
                    assert bench.call is not None
                    dropped = any(field.startswith(sample.where) for field in bench.call.fidelity.dropped)
                    assert word.fate(name) is (Fate.HINT if dropped else Fate.MAPPED), name
