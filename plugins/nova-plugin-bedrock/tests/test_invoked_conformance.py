"""Each family of models behind InvokeModel does what every provider must do."""

# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, and its pages of each family

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from nova_core.testing import UpstreamConformance
from nova_core.testing.conformance import PUBLIC_NAME, TOOLS
from nova_core.testing.conformance_upstream import PARALLEL_RESULTS
from nova_core.testing.provider_bench import ProviderBench, chat_request
from nova_core.testing.sent import texts_in
from nova_core.testing.upstream_amazon import AMAZON_SHAPES, STREAMED, event_message
from nova_core.testing.upstream_http import Received
from nova_core.testing.upstream_replies import Said, Shape, shape_for
from nova_core.types.call import CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_plugin_bedrock import plugin

Body = dict[str, Any]
CHAT, CONVERSE = shape_for("/chat/completions"), shape_for("/converse", AMAZON_SHAPES)
METRICS = "amazon-bedrock-invocationMetrics"


def shapes(
    reply: Callable[[Said], Body], events: Callable[[Said], Iterable[Body]], *, closing: int = 1
) -> tuple[tuple[str, Shape], ...]:
    """The routes of a family; the last event of a stream counts the tokens, `closing` of them end the answer."""

    def pieces(said: Said) -> tuple[bytes, ...]:
        *first, last = events(said)
        given, made = said.usage
        counted = {**last, METRICS: {"inputTokenCount": given, "outputTokenCount": made}}
        pieces = list(map(_chunk, (*first, counted)))
        return (*pieces[:-closing], b"".join(pieces[-closing:]))

    return (
        ("/invoke", Shape(reply, CONVERSE.error)),
        ("/invoke-with-response-stream", Shape(reply, CONVERSE.error, pieces, **STREAMED)),
    )


def _chunk(event: Body) -> bytes:
    coded = base64.b64encode(msgspec.json.encode(event)).decode()
    return event_message(msgspec.json.encode({"bytes": coded}), event_type="chunk")


def _llama(said: Said) -> Body:
    given, made = said.usage
    counts = {"prompt_token_count": given, "generation_token_count": made}
    return {"generation": said.text, **counts, "stop_reason": "stop"}


def _llamas_events(said: Said) -> Iterable[Body]:
    yield from ({"generation": piece, "stop_reason": None} for piece in said.pieces)
    yield {"generation": "", "stop_reason": "stop"}


def _titan(said: Said) -> Body:
    given, made = said.usage
    result = {"tokenCount": made, "outputText": said.text, "completionReason": "FINISH"}
    return {"inputTextTokenCount": given, "results": [result]}


def _titans_events(said: Said) -> Iterable[Body]:
    yield from ({"index": 0, "outputText": piece, "completionReason": None} for piece in said.pieces)
    yield {"index": 0, "outputText": "", "completionReason": "FINISH"}


def _chats_events(said: Said) -> Iterable[Body]:
    for event in b"".join(CHAT.pieces(said)).split(b"\n\n"):
        data = event.removeprefix(b"data: ").strip()
        if data and data != b"[DONE]" and (choices := msgspec.json.decode(data)["choices"]):
            yield {"id": "c", "choices": choices}


def _nova(said: Said) -> Body:
    return {name: value for name, value in CONVERSE.reply(said).items() if name != "metrics"}


def _novas_events(said: Said) -> Iterable[Body]:
    yield {"messageStart": {"role": "assistant"}}
    place = 0
    for piece in said.pieces:
        yield {"contentBlockDelta": {"delta": {"text": piece}, "contentBlockIndex": 0}}
    if said.text:
        yield {"contentBlockStop": {"contentBlockIndex": 0}}
        place = 1
    for number, (name, arguments) in enumerate(said.tool_calls):
        index = {"contentBlockIndex": place + number}
        yield {"contentBlockStart": {"start": {"toolUse": {"toolUseId": f"t{number}", "name": name}}, **index}}
        text = msgspec.json.encode(dict(arguments)).decode()
        yield {"contentBlockDelta": {"delta": {"toolUse": {"input": text}}, **index}}
        yield {"contentBlockStop": index}
    given, made = said.usage
    yield {"messageStop": {"stopReason": "tool_use" if said.tool_calls else "end_turn"}}
    yield {"metadata": {"usage": {"inputTokens": given, "outputTokens": made}}}


def _command(said: Said) -> Body:
    calls = [{"name": name, "parameters": dict(arguments)} for name, arguments in said.tool_calls]
    end = {"generation_id": "g", "finish_reason": "COMPLETE"}
    return {"text": said.text, **end, **({"tool_calls": calls} if calls else {})}


def _commands_events(said: Said) -> Iterable[Body]:
    yield {"event_type": "stream-start", "is_finished": False}
    yield from ({"event_type": "text-generation", "text": piece, "is_finished": False} for piece in said.pieces)
    yield {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": _command(said)}


class Invoked(UpstreamConformance):
    """What all families share; their counts of a whole answer are headers."""

    __test__ = False
    plugin = plugin
    provider = "bedrock"
    operations = frozenset({"chat", "completion"})
    api_path = ""
    key_env = "AWS_BEARER_TOKEN_BEDROCK"
    usage_unasked = True
    unsupported = ("modalities", ["text", "audio"])

    def deployment(self, **changes: Any) -> Deployment:
        return super().deployment(**{"model": f"invoke/{self.model}", **changes})

    async def outcome(self, bench: ProviderBench, request: Request, options: CallOptions | None = None) -> object:
        """What governs a request stands in headers."""
        said = await super().outcome(bench, request, options)
        headers = self.upstream.last.headers if self.upstream.requests else ()
        return said, [header for header in headers if header[0].lower().startswith("x-amzn-bedrock-")]

    def now(self, **answer: Any) -> None:
        given, made = answer.get("usage") or (11, 7)
        counts = {"x-amzn-bedrock-input-token-count": str(given), "x-amzn-bedrock-output-token-count": str(made)}
        super().now(**{**answer, "headers": {**counts, **answer.get("headers", {})}})


class TestLlama(Invoked):
    __test__ = True
    model = "meta.llama3-1-70b-instruct-v1:0"
    calls_tools = False
    shapes = shapes(_llama, _llamas_events)


class TestTitan(TestLlama):
    model = "amazon.titan-text-express-v1"
    shapes = shapes(_titan, _titans_events)


class TestOpenModels(Invoked):
    __test__ = True
    model = "openai.gpt-oss-120b-1:0"
    shapes = shapes(CHAT.reply, _chats_events)


class TestNova(Invoked):
    __test__ = True
    model = "amazon.nova-pro-v1:0"
    unsupported: ClassVar[tuple[str, Any]] = ("logit_bias", {"50256": -100})
    shapes = shapes(_nova, _novas_events, closing=2)


class TestCommandR(Invoked):
    __test__ = True
    model = "cohere.command-r-plus-v1:0"
    shapes = shapes(_command, _commands_events)

    def said_to(self, received: Received) -> str:
        """What was said before has a member of its own."""
        return " ".join([*texts_in(received.json.get("chat_history")), received.json["message"]])

    async def test_parallel_tool_results_reach_the_upstream(self) -> None:
        """Calls have no ids in this format, and stand beside their results."""
        async with self.bench() as bench:
            await bench.chat(chat_request(PUBLIC_NAME, PARALLEL_RESULTS, tools=TOOLS))
        results = self.upstream.last.json["tool_results"]
        assert [(each["call"]["name"], each["outputs"]) for each in results] == [
            ("get_weather", [{"text": "minus seven degrees"}]),
            ("get_time", [{"text": "a quarter past nine"}]),
        ]
