"""SAP AI Core's orchestration service, as upstreams speak it: OpenAI's chat inside of modules."""

# https://help.sap.com/docs/sap-ai-core/generative-ai/orchestration-workflow-v2

from __future__ import annotations

from typing import Any, Final

import msgspec

from nova_core.testing.upstream_replies import Shape
from tests.matrix.openai_chat import ChatWire
from tests.matrix.said import Answer, Asked, Json, event


def _error(status: int, message: str, code: str | None, kind: str | None) -> Json:
    return {"error": {"request_id": "r", "code": status, "message": message, "location": "LLM Module"}}


SHAPE: Final = Shape(lambda said: {}, _error, asks_stream=lambda body: "stream" in body["config"])


class OrchestrationWire(ChatWire):
    """An upstream of `/v2/completion`."""

    name = "sap"
    broken = event(_error(500, "the scripted reason", None, None))

    def read(self, body: Json, stream: bool) -> Asked:
        assert body.keys() == {"config"}
        config = body["config"]
        assert config.get("stream", {"enabled": True}) == {"enabled": True}
        assert config["modules"].keys() == {"prompt_templating"}
        prompt, model = (
            config["modules"]["prompt_templating"]["prompt"],
            config["modules"]["prompt_templating"]["model"],
        )
        assert model.keys() == {"name", "params"}
        said: Json = {"model": model["name"], "messages": prompt.pop("template"), **prompt, **model["params"]}
        return super().read({**said, **({"stream": True} if "stream" in config else {})}, stream)

    def reply(self, answer: Answer) -> Json:
        return {"request_id": "r", "intermediate_results": {"templating": []}, "final_result": super().reply(answer)}

    def pieces(self, answer: Answer) -> list[bytes]:
        """First a chunk about the modules, which says nothing."""
        empty = {"index": 0, "delta": {"role": "", "content": ""}, "finish_reason": ""}
        head = {"id": "", "object": "", "created": 0, "model": "", "choices": [empty]}
        return [_wrapped(head), *map(_in_result, super().pieces(answer))]


def _in_result(piece: bytes) -> bytes:
    data = piece.removeprefix(b"data: ").strip()
    return piece if data == b"[DONE]" else _wrapped(msgspec.json.decode(data))


def _wrapped(result: Any) -> bytes:
    return event({"request_id": "r", "final_result": result})
