"""What every provider must do with the operations beside chat and embeddings: subclass once for each that it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from nova_core.errors import error_class_for
from nova_core.testing.conformance_accounts import Accounts
from nova_core.testing.provider_bench import ProviderBench
from nova_core.testing.sent import Sent
from nova_core.testing.told import Told, told
from nova_core.testing.under_test import KEY, PUBLIC_NAME
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_script import filled
from nova_core.types.call import CallOptions
from nova_core.types.message import Operation, Request
from nova_core.types.upload import files_of
from nova_core.types.usage import Usage
from nova_core.wire.capabilities import capabilities_of
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.operation_samples import ASKED, samples_of
from nova_core.wire.samples import Sample

STATUSES = (401, 403, 404, 413, 422, 429, 500, 503)
REASON = "the scripted reason"


class OperationUnderTest(Accounts):
    """One operation of a provider, and the upstream's part in it. Uses the `upstream` fixture.

    `operation` is served for `model`. `asks` are members of a caller's request (`ASKED` has the usual ones), `sent` is
    what the upstream must get for it, `answer` what it answers: fields of a `Script`, in which `{upstream}` stands for
    its URL; `later` are the answers to what is asked after that, by route. `tells` is what the caller must get: members
    of the JSON, or bytes of the type `told_type`. `used` is the usage.

    `stream_asks` are the members that ask for a stream, None where the vendor has none; `stream_answer` is answered to
    that, and `stream_tells` are the last events that the caller gets, or members of them. `values` are values of
    parameters where the usual ones (`samples_of`) are none of the vendor's.
    """

    operation: ClassVar[Operation]
    asks: ClassVar[Mapping[str, Any]] = {}
    sent: ClassVar[Sent]
    answer: ClassVar[Mapping[str, Any]] = {}
    later: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    tells: ClassVar[Any]
    told_type: ClassVar[str] = "application/json"
    used: ClassVar[Usage | None] = None
    stream_asks: ClassVar[Mapping[str, Any] | None] = None
    stream_answer: ClassVar[Mapping[str, Any]] = {}
    stream_tells: ClassVar[Sequence[Mapping[str, Any]]] = ()
    values: ClassVar[Mapping[str, Any]] = {}

    def as_usual(self) -> None:
        """The recorded answers."""
        self.now(**self.answer)

    def now(self, **answer: Any) -> None:
        """Script the next answers anew; those to what is asked later stay."""
        self.upstream.forget()
        for route, fields in {**self.later, "*": answer}.items():
            self.upstream.script(route, **filled(dict(fields), self.upstream.url))

    def error_body(self, message: str) -> Any:
        """The vendor's JSON for an error that says `message`."""
        return {"error": {"message": message}}

    def request(self, **members: Any) -> Request:
        """A caller's request, with more members."""
        return ASKED[self.operation].request(PUBLIC_NAME, **{**self.asks, **members})

    async def outcome(self, bench: ProviderBench, request: Request, options: CallOptions | None = None) -> object:
        """All that is sent, what is asked again and again once, and what the caller gets."""
        before = len(self.upstream.requests)
        answer = await told(bench, request, options)
        return dict.fromkeys(map(_said, self.upstream.requests[before:])), answer.lasting

    async def told(self, **members: Any) -> Told:
        """What the caller gets of the answer that is scripted."""
        async with self.bench() as bench:
            bench.waits = False
            return await told(bench, self.request(**members))


class OperationAnswers(OperationUnderTest):
    """What is sent, what comes of it, and what is said of all that can be asked for."""

    async def test_it_says_what_it_serves(self) -> None:
        assert self.provider in self.plugin.providers
        assert self.operation in self.plugin.operations(self.model)

    async def test_the_request_is_said_in_the_words_of_the_vendor(self) -> None:
        async with self.bench(extra_headers={"x-extra": "yes"}) as bench:
            bench.waits = False
            await told(bench, self.request())
            assert KEY not in f"{bench.deployment!r} {bench.exchange!r} {bench.call!r} {self.plugin!r}"
        requests = self.upstream.requests
        asked = next((each for each in requests if each.route == self.sent.route), requests[0])
        assert self.sent.otherwise(asked) == {}
        assert asked.header("x-extra") == "yes"
        assert self.key_env is None or any(KEY in value for _, value in asked.headers)
        assert PUBLIC_NAME.encode() not in asked.body

    async def test_the_answer_has_the_shape_of_the_callers_format(self) -> None:
        answer = await self.told()
        assert answer.content_type.partition(";")[0] == self.told_type
        if isinstance(self.tells, bytes):
            assert answer.content == self.tells
        else:
            document = answer.document
            assert {name: document.get(name) for name in self.tells} == self.tells
        assert answer.usage == self.used

    async def test_callers_of_both_formats_get_the_same_ranks(self) -> None:
        if self.operation != "rerank":
            pytest.skip("no rerank")
        usual = (await self.told()).document["results"]
        members = {"model": PUBLIC_NAME, **ASKED["rerank"].members, **self.asks}
        async with self.bench() as bench:
            other = (await told(bench, Request("rerank", COHERE_RERANK, members))).document["results"]
        assert [(each["index"], each["relevance_score"]) for each in other] == [
            (each["index"], each["relevance_score"]) for each in usual
        ]

    async def test_no_parameter_is_lost_in_silence(self) -> None:
        async with self.bench() as bench:
            bench.waits = False
            word = capabilities_of(self.plugin, bench.deployment)
            wrong = {
                name: await self.wrong_of(
                    bench, sample, None if name in self.values else word.fate(f"{self.operation}.{name}")
                )
                for name, sample in self.samples().items()
            }
        assert {name: why for name, why in wrong.items() if why} == {}

    def samples(self) -> dict[str, Sample]:
        """A sample of each parameter, and one that nobody knows."""
        strange = Sample("made_up", {"made_up": "4711"}, {}, ASKED[self.operation])
        return {**samples_of(self.operation, **self.values), "made_up": strange}

    async def test_an_error_status_is_an_error_of_its_class(self) -> None:
        async with self.bench() as bench:
            for status in STATUSES:
                said = self.error_body(f"{REASON}, with {KEY}")
                self.now(status=status, json=said, headers={"retry-after": "7"})
                error = await self.failure(told(bench, self.request()))
                assert isinstance(error, error_class_for(status))
                assert error.status == status
                assert REASON in error.message
                assert KEY not in f"{error!s} {error!r} {error.message} {error.headers!r} {error.hint}"
                assert status != 429 or error.retry_after == 7

    async def test_cancelling_closes_the_upstream_within_a_second(self) -> None:
        self.now(stall=True)
        async with self.bench() as bench:
            task = asyncio.create_task(told(bench, self.request()))
            await self.upstream.until(lambda seen: any(each.route == self.sent.route for each in seen.requests))
            task.cancel()
            await self.upstream.until(lambda seen: seen.disconnects, seconds=1.0)
            with pytest.raises(asyncio.CancelledError):
                await task

    def needs_files(self) -> None:
        """Skip a test of files where the operation has none."""
        if not files_of(self.request().members):
            pytest.skip(f"{self.operation} has no files")


def _said(received: Received) -> tuple[Any, ...]:
    """A request, but for what is new each time: the boundary of a form."""
    return received.method, received.path, received.form or received.body
