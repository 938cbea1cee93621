"""A server between callers and scripted upstreams, and what one cell of the matrix comes to."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from nova_core.testing import ScriptedUpstream
from nova_core.testing.server_process import ServerProcess
from nova_core.testing.upstream import Received
from tests.matrix.anthropic_messages import MessagesCaller
from tests.matrix.gemini import GeminiCaller
from tests.matrix.openai_chat import ChatCaller
from tests.matrix.openai_responses import ResponsesCaller
from tests.matrix.providers import ROWS, UPSTREAM_KEY, Row
from tests.matrix.said import Answer, Asked, Caller, Failure, Json, Said, Thought, Wire, expect_same
from tests.matrix.scenarios import SCENARIOS, Scenario, continued

KEY = "sk-nova-matrix-key"
REASON = "the scripted reason"
THINKS = "-thinks"
NUMBER = re.compile(r"\[\d+\]")
HINTS = {
    *("response_format.json_schema.name", "text.format.name", "tools[].strict", "tools[].function.strict"),
    *("stream_options", "thinking.display", "generationConfig.thinkingConfig.includeThoughts"),
}
"""Parameters that some upstream cannot take and that change nothing in the answer."""
NOTHING = Asked(())
CALLERS: Mapping[str, Caller] = {
    caller.name: caller for caller in (ChatCaller(), ResponsesCaller(), MessagesCaller(), GeminiCaller())
}


@dataclass(frozen=True, slots=True)
class Cells:
    """Everything started; `run` plays one cell."""

    upstream: ScriptedUpstream
    http: httpx.Client

    def run(self, caller: str, provider: str, scenario: str) -> str:
        """`ok`, or `refused: param`. Raises AssertionError for what is lost, wrong, or refused without being known."""
        row = ROWS[provider]
        model = f"m{list(ROWS).index(provider)}" + (THINKS if row.thinks and scenario == "reasoning" else "")
        found = _Cell(self, CALLERS[caller], row, _answerable(SCENARIOS[scenario], row), model)
        param = ROWS[provider].refused.get(scenario)
        if param is None:
            for name, called in row.lacks.items():
                found = found.without(name, called)
            found.play()
            return "ok"
        found.expect_refusal(param)
        return f"refused: {param}"


@contextmanager
def started(folder: Path) -> Iterator[Cells]:
    """The server with every row's deployment, and the upstream of all of them."""
    with ScriptedUpstream() as upstream:
        entries = [
            {
                "model_name": f"m{number}{end}",
                "litellm_params": {
                    "model": model, "api_base": upstream.url + row.base, "api_key": UPSTREAM_KEY, **row.settings,
                },
            }
            for number, row in enumerate(ROWS.values())
            for end, model in (("", row.model), (THINKS, row.thinks))
            if model
        ]  # fmt: skip
        settings = {"router_settings": {"num_retries": 0, "disable_cooldowns": True}}
        config = {"model_list": entries, "general_settings": {"master_key": KEY}, **settings}
        server = ServerProcess.serving(config, folder)
        try:
            with httpx.Client(base_url=server.base_url, headers={"authorization": f"Bearer {KEY}"}, timeout=20) as http:
                yield Cells(upstream, http)
        finally:
            server.stop()


def _answerable(scenario: Scenario, row: Row) -> Scenario:
    """The scenario as far as the row's vendor answers it: with one call, where it makes one at a time."""
    if not row.one_call or len(scenario.returned) < 2:
        return scenario
    first = replace(scenario.answer, parts=scenario.answer.parts[:1])
    return replace(scenario, answer=first, returned=scenario.returned[:1])


@dataclass(frozen=True, slots=True)
class _Cell:
    cells: Cells
    caller: Caller
    row: Row
    scenario: Scenario
    model: str

    def play(self) -> None:
        """Ask and be answered, plain and streamed; where calls are answered, go on with the conversation."""
        for stream in self.scenario.streams:
            asked = replace(self.scenario.asked, stream=stream)
            if self.caller.name == "openai_responses":
                asked = replace(asked, stop=())
            if self.scenario.fails:
                self._fail(asked)
                continue
            body, response = self._ask(asked)
            self._expect_sent(asked)
            answer = self.caller.stream(response.content) if stream else self.caller.reply(response.json())
            assert f'"{self.model}"' in response.text, "the model is called as the caller calls it"
            self._expect_told(answer)
            if self.scenario.returned and not stream:
                request = self.caller.again(body, response.json(), self.scenario.returned)
                assert self._post(request, stream=False).status_code == 200
                self._expect_sent(replace(continued(self.scenario), stream=False))

    def without(self, field: str, called: str) -> _Cell:
        """The cell without a field that the vendor has no word for: where a caller says it, it is refused first."""
        asked = self.scenario.asked
        if not getattr(asked, field):
            return self
        if self.caller.name != "openai_responses":
            self.expect_refusal(called)
        rest = replace(asked, **{field: getattr(NOTHING, field)})
        return replace(self, scenario=replace(self.scenario, asked=rest))

    def expect_refusal(self, param: str) -> None:
        """The cell's request is refused before anybody is asked, naming what cannot be said."""
        for stream in self.scenario.streams:
            self._script()
            asked = replace(self.scenario.asked, stream=stream)
            response = self._post(self.caller.request(asked, self.model), stream=stream)
            assert response.status_code == 400, response.text
            said = self.caller.failure(response.json())
            assert any(f"{name}`" in said for name in param.split(" or ")), said
            assert self.cells.upstream.requests == []

    def _ask(self, asked: Asked) -> tuple[Json, httpx.Response]:
        self._script()
        body = self.caller.request(asked, self.model)
        response = self._post(body, stream=asked.stream)
        assert response.status_code == 200, response.text
        dropped = response.headers.get("x-nova-dropped-params", "")
        assert {NUMBER.sub("[]", name) for name in dropped.split(",") if name} <= HINTS, dropped
        return body, response

    def _fail(self, asked: Asked) -> None:
        """An error instead of an answer, then one in the middle of a stream."""
        self._script(status=429, message=REASON, headers={"retry-after": "7"})
        response = self._post(self.caller.request(asked, self.model), stream=asked.stream)
        assert (response.status_code, response.headers["retry-after"]) == (429, "7")
        assert REASON in self.caller.failure(response.json())
        assert UPSTREAM_KEY not in response.text
        if asked.stream:
            self._script(cut=True)
            streamed = self._post(self.caller.request(asked, self.model), stream=True)
            with pytest.raises(Failure, match=REASON):
                self.caller.stream(streamed.content)

    def _post(self, body: Json, *, stream: bool) -> httpx.Response:
        path = self.caller.path(self.model, stream=stream)
        return self.cells.http.post(
            path, content=msgspec.json.encode(body), headers={"content-type": "application/json"}
        )

    def _script(self, *, cut: bool = False, **answer: Any) -> None:
        """The same answer in the words of whatever format is asked for."""
        self.cells.upstream.forget()
        for route, wire in self._routes().items():
            if answer:
                self.cells.upstream.script(route, **answer, shapes=self.row.shapes)
                continue
            pieces = wire.pieces(self.scenario.answer)
            sse = [*pieces[:2], wire.broken] if cut else pieces
            # What has an address of its own for streams is never answered there with a whole reply.
            whole = {} if route.endswith("stream") else {"json": wire.reply(self.scenario.answer)}
            self.cells.upstream.script(route, **whole, sse=sse, shapes=self.row.shapes)
        for end, made in self.row.beside.items():
            self.cells.upstream.script(f"*{end}", json=made)

    def _routes(self) -> Mapping[str, Wire]:
        """Formats by the path; what has no script of its own is answered with an error that shows the path."""
        return {f"*{end}": wire for end, wire in self.row.wires.items()}

    def _wire(self) -> Wire:
        route = self._asked().route
        (found,) = [wire for end, wire in self.row.wires.items() if route.endswith(end)]
        return found

    def _asked(self) -> Received:
        """The latest request that said something; what it led to may have been fetched after it."""
        return next(each for each in reversed(self.cells.upstream.requests) if each.method == "POST")

    def _expect_sent(self, asked: Asked) -> None:
        received, wire = self._asked(), self._wire()
        proof = 'keyId="ocid1.tenancy.t/ocid1.user.u/aa:bb"' if self.row.signed else UPSTREAM_KEY
        assert any(proof in value for _, value in received.headers)
        assert KEY not in str(received.headers)
        upstream_model = (self.row.thinks if self.model.endswith(THINKS) else self.row.model).rpartition("/")[2]
        assert upstream_model in f"{received.model} {received.route} {received.json}"
        sent = wire.read(received.json, asked.stream)
        expected = replace(
            asked,
            effort=self.row.effort if asked.effort else "",
            turns=tuple(self._replayed(asked.turns, wire)),
            max_tokens=asked.max_tokens or sent.max_tokens,
        )
        expect_same(sent, expected)

    def _replayed(self, turns: tuple[Said, ...], wire: Wire) -> Iterator[Said]:
        for who, part in turns:
            if wire.signs or not isinstance(part, Thought):
                yield who, part
            elif self.caller.name in self.row.replays:
                yield who, Thought(part.text)

    def _expect_told(self, answer: Answer) -> None:
        wire, expected = self._wire(), self.scenario.answer
        parts = expected.parts
        if not wire.signs:
            parts = tuple(Thought(part.text) if isinstance(part, Thought) else part for part in parts)
        tokens = expected.thought_tokens if self.row.counts_thoughts else 0
        told = replace(answer, parts=tuple(map(self._unwrapped, answer.parts)))
        expect_same(told, replace(expected, parts=parts, thought_tokens=tokens))

    def _unwrapped(self, part: Any) -> Any:
        """A signature as its maker wrote it; a dialect may wrap it for the way through the caller."""
        if not isinstance(part, Thought):
            return part
        signature = part.signature.removeprefix("nova.signature.").removeprefix("gemini_generate:")
        if signature.startswith("bm92YT"):
            signature = b64decode(signature).removeprefix(b"nova:").decode()
        return Thought(part.text, signature)
