"""The local provider is a provider like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import ClassVar

import pytest

from nova_core.testing import ProviderConformance
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
