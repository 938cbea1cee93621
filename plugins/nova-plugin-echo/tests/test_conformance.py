"""The echo does what every provider must do."""

from __future__ import annotations

import pytest

from nova_core.errors import UnsupportedParamsError
from nova_core.testing import ProviderConformance
from nova_core.types.fidelity import Fate
from nova_core.types.message import Stream
from nova_core.wire.capabilities import capabilities_of
from nova_core.wire.operation_samples import OPERATION_SAMPLES
from nova_core.wire.samples import SAMPLES
from nova_plugin_echo import plugin


class TestEcho(ProviderConformance):
    plugin = plugin
    provider = "echo"
    operations = frozenset({"chat", "completion", "embedding", "count_tokens"})
    model = "echo"
    embedding_model = "embed"

    async def test_what_it_does_not_depend_on_is_named(self) -> None:
        samples = {**SAMPLES, **OPERATION_SAMPLES}
        async with self.bench() as bench:
            word = capabilities_of(self.plugin, bench.deployment)
            for name, sample in samples.items():
                if sample.of.operation not in self.plugin.operations("echo"):
                    assert word.fate(name) is None
                elif word.refuses(name):
                    with pytest.raises(UnsupportedParamsError, match=sample.where):
                        await bench.ask(sample.request("echo"))
                else:
                    answer = await bench.ask(sample.request("echo"))
                    if isinstance(answer, Stream):
                        await answer.aclose()
                    assert bench.call is not None
                    named = any(each.startswith(sample.where) for each in bench.call.fidelity.dropped)
                    assert named is (word.fate(name) is Fate.HINT), name
