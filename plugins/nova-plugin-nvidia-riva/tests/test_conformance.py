"""Riva's provider does what every provider must do, asked over gRPC: each operation, its errors and parameters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from nova_core.errors import BadGatewayError, UnsupportedParamsError, error_class_for
from nova_core.testing import ProviderConformance
from nova_core.testing.provider_bench import ProviderBench
from nova_core.testing.told import Told, told
from nova_core.testing.under_test import KEY, PUBLIC_NAME
from nova_core.types.call import CallOptions
from nova_core.types.fidelity import Fate
from nova_core.types.message import Operation, Request
from nova_core.wire.capabilities import capabilities_of
from nova_core.wire.operation_samples import ASKED, samples_of
from nova_core.wire.samples import Sample
from nova_plugin_nvidia_riva import NvidiaRiva

from .riva_server import Refusal, Riva, serving

OPERATIONS: dict[Operation, tuple[str, ...]] = {
    "transcription": ("Recognize", "StreamingRecognize"),
    "translation": ("Recognize", "StreamingRecognize"),
    "speech": ("SynthesizeOnline", "Synthesize"),
}
"""Each with the methods that serve it; the mode of the second has to be asked for."""
EACH = [(operation, method) for operation, methods in OPERATIONS.items() for method in methods]
STATUSES = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}
ANSWERED_BY_THE_GATEWAY = {"response_format", "stream", "stream_format"}
"""Seen to when the answer is there: what was heard is said as it is wanted."""


@pytest.fixture
async def riva() -> AsyncIterator[Riva]:
    async with serving() as server:
        yield server


def mode(method: str) -> dict[str, Any]:
    """The settings that make a method be called."""
    return {"riva_mode": {"StreamingRecognize": "streaming", "Synthesize": "offline"}.get(method, "")}


class TestRiva(ProviderConformance):
    plugin: ClassVar[NvidiaRiva] = NvidiaRiva()
    provider = "nvidia_riva"
    operations = frozenset(OPERATIONS)
    settings: ClassVar[dict[str, Any]] = {"api_base": "riva.example:50051"}

    def at(self, riva: Riva, method: str = "Recognize", **changes: Any) -> Any:
        """The provider and the server."""
        given = {"nvcf_function_id": "f-1", "use_ssl": False, **mode(method)}
        return self.bench(api_base=riva.base, **{"settings": given, **changes})

    def request(self, operation: Operation, **members: Any) -> Request:
        return ASKED[operation].request(PUBLIC_NAME, **members)

    @pytest.mark.parametrize(("operation", "method"), EACH)
    async def test_the_key_and_the_function_are_metadata_of_every_call(
        self, riva: Riva, operation: Operation, method: str
    ) -> None:
        async with self.at(riva, method, extra_headers={"X-Extra": "yes"}) as bench:
            await told(bench, self.request(operation))
            assert KEY not in f"{bench.deployment!r} {bench.call!r} {self.plugin!r}"
        assert riva.last.method == method
        sent = {name: riva.last.metadata.get(name) for name in ("authorization", "function-id", "x-extra")}
        assert sent == {"authorization": f"Bearer {KEY}", "function-id": "f-1", "x-extra": "yes"}
        assert "content-type" not in riva.last.metadata

    @pytest.mark.parametrize(("operation", "method"), EACH)
    async def test_a_status_is_an_error_of_its_class(self, riva: Riva, operation: Operation, method: str) -> None:
        async with self.at(riva, method) as bench:
            for status, meant in STATUSES.items():
                riva.script[method] = [Refusal(status, "the scripted reason")]
                with pytest.raises(error_class_for(meant), match="the scripted reason") as caught:
                    await told(bench, self.request(operation))
                assert caught.value.status == meant

    @pytest.mark.parametrize(("operation", "method"), EACH)
    async def test_who_leaves_ends_the_call_within_a_second(
        self, riva: Riva, operation: Operation, method: str
    ) -> None:
        riva.script[method].insert(0, 30.0)
        async with self.at(riva, method) as bench:
            task = asyncio.create_task(told(bench, self.request(operation)))
            await asyncio.wait_for(riva.came.wait(), 1.0)
            task.cancel()
            await asyncio.wait_for(riva.left.wait(), 1.0)
            with pytest.raises(asyncio.CancelledError):
                await task

    @pytest.mark.parametrize(("operation", "method"), EACH)
    async def test_a_message_that_cannot_be_read_is_an_error(
        self, riva: Riva, operation: Operation, method: str
    ) -> None:
        riva.script[method] = [b"\x0a\xff"]
        async with self.at(riva, method) as bench:
            with pytest.raises(BadGatewayError, match="cannot be read"):
                await told(bench, self.request(operation))

    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_no_parameter_is_lost_in_silence(self, riva: Riva, operation: Operation) -> None:
        strange = Sample("made_up", {"made_up": "4711"}, {}, ASKED[operation])
        async with self.at(riva) as bench:
            word = capabilities_of(self.plugin, bench.deployment)
            usual = await outcome(bench, riva, self.request(operation))
            samples = samples_of(operation, **({"language": "de"} if operation == "transcription" else {}))
            for name, sample in {**samples, "made_up": strange}.items():
                request = sample.request(PUBLIC_NAME)
                if name == "made_up" or word.fate(f"{operation}.{name}") is Fate.LOST:
                    with pytest.raises(UnsupportedParamsError) as refused:
                        await outcome(bench, riva, request)
                    assert refused.value.param == name
                    said = await outcome(bench, riva, request, CallOptions(drop_params=True))
                else:
                    said = await outcome(bench, riva, request)
                assert bench.call is not None
                named = {note.field for note in bench.call.fidelity.notes}
                assert name in named or said != usual or name in ANSWERED_BY_THE_GATEWAY, name


async def outcome(bench: ProviderBench, riva: Riva, request: Request, options: CallOptions | None = None) -> object:
    """What the server gets, and what the caller does."""
    answer: Told = await told(bench, request, options)
    return [each.SerializeToString(deterministic=True) for each in riva.last.messages], answer.lasting
