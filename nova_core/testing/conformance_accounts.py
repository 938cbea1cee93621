"""What becomes of everything that a request can ask for: sent, refused by name, or left out and named."""

from __future__ import annotations

from dataclasses import replace

from nova_core.errors import NovaError, UnsupportedParamsError
from nova_core.testing.played_upstream import BeforeUpstream, PlayedUpstream
from nova_core.testing.provider_bench import ProviderBench
from nova_core.testing.under_test import PUBLIC_NAME
from nova_core.types.call import CallOptions
from nova_core.types.fidelity import Fate
from nova_core.types.message import Request, Stream
from nova_core.wire.capabilities import capabilities_of
from nova_core.wire.drop_policy import top_level
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.samples import PARALLEL, PARAMETERS, PICTURE, SAMPLES, TOOL, Asked, Sample

MADE_UP = Sample("made_up", {"made_up": "4711"}, {})
"""A parameter that nobody knows."""
SHOWN = [{"type": "text", "text": PARALLEL[-1]["content"]}, PICTURE]
SHOWN_BY_TOOL = Sample(
    "messages[3].content",
    {"messages": [*PARALLEL[:-1], {**PARALLEL[-1], "content": SHOWN}]},
    {"messages": PARALLEL, "tools": [TOOL]},
)
"""A tool that answers with a picture, beside one that answers with a text."""
ALL = {**SAMPLES, "made_up": MADE_UP, "a picture of a tool": SHOWN_BY_TOOL}
TO_EMBED = Asked("embedding", OPENAI_EMBEDDINGS, {"input": ["a text"]})
OF_EMBEDDINGS = {
    name: Sample(name, {name: value}, {}, TO_EMBED)
    for name, value in {
        "dimensions": 512,
        "task": "retrieval.query",
        "return_multivector": True,
        "user": "user-4711",
        "made_up": "4711",
    }.items()
}
"""`encoding_format` is the gateway's, which codes what comes."""


class Accounts(BeforeUpstream):
    """Looks for what nobody answers for."""

    async def outcome(self, bench: ProviderBench, request: Request, options: CallOptions | None = None) -> object:
        """What a request comes to: something that differs where it is asked for something else."""
        before = len(self.upstream.requests)
        answer = await bench.ask(request, options)
        if isinstance(answer, Stream):
            await answer.aclose()
        return [(each.path, each.body) for each in self.upstream.requests[before:]]

    async def wrong_of(self, bench: ProviderBench, sample: Sample, word: Fate | None) -> str:
        """What is wrong with what becomes of a sample, beside the provider's word on it; empty when nothing is."""
        before = len(self.upstream.requests)
        try:
            with_it = await self.outcome(bench, sample.request(PUBLIC_NAME))
        except UnsupportedParamsError as refused:
            if len(self.upstream.requests) > before:
                return "it is refused when the upstream was asked already"
            if word not in (Fate.LOST, None):
                return "it is said to be taken, and refused"
            return await self._wrong_of_dropped(bench, sample, refused)
        except NovaError as error:
            return f"{type(error).__name__}: {error.message}"
        if word is Fate.LOST:
            return "it is said to be refused, and taken"
        assert bench.call is not None
        if any(_about(note.field, sample) for note in bench.call.fidelity.notes):
            return ""
        changes = with_it != await self.outcome(bench, sample.request(PUBLIC_NAME, without=True))
        return "" if changes else "nobody says what became of it: it is neither sent, nor refused, nor named as dropped"

    async def _wrong_of_dropped(self, bench: ProviderBench, sample: Sample, refused: UnsupportedParamsError) -> str:
        """The same where the operator lets it be dropped."""
        named = top_level(refused.param or "")
        if named not in {*sample.members, *sample.beside}:
            return f"the refusal names {refused.param!r}: {refused.message}"
        try:
            await self.outcome(bench, sample.request(PUBLIC_NAME), CallOptions(drop_params=True))
        except NovaError as error:
            return f"where it may be dropped: {type(error).__name__}: {error.message}"
        assert bench.call is not None
        dropped = bench.call.fidelity.dropped
        return "" if any(top_level(field) == named for field in dropped) else f"dropped, and only {dropped} is named"


class AccountsConformance(Accounts, PlayedUpstream):
    """The provider's word on each parameter and ability of a chat is true, both ways."""

    async def test_no_parameter_is_lost_in_silence(self) -> None:
        self.needs("chat")
        async with self.bench() as bench:
            word = capabilities_of(self.plugin, bench.deployment)
            wrong = {name: await self.wrong_of(bench, sample, word.fate(name)) for name, sample in ALL.items()}
            if self.streams:
                sent = (name for name in PARAMETERS if word.fate(name) is Fate.MAPPED)
                for name in (*sent, "made_up"):
                    streamed = replace(ALL[name], beside={**ALL[name].beside, "stream": True})
                    wrong[f"{name}, streamed"] = await self.wrong_of(bench, streamed, word.fate(name))
        assert {name: why for name, why in wrong.items() if why} == {}

    async def test_no_parameter_of_embeddings_is_lost_in_silence(self) -> None:
        self.needs("embedding")
        async with self.bench(model=self.embedding_model) as bench:
            wrong = {name: await self.wrong_of(bench, sample, None) for name, sample in OF_EMBEDDINGS.items()}
        assert {name: why for name, why in wrong.items() if why} == {}


def _about(field: str, sample: Sample) -> bool:
    """Whether one path is the other, or leads to it."""
    shorter, longer = sorted((field, sample.where), key=len)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))
