"""Chat of watsonx.ai, as upstreams speak it: nearly OpenAI's format, with the model and who pays in the body."""

from __future__ import annotations

from tests.matrix.openai_chat import ChatWire
from tests.matrix.said import Answer, Asked, Json, event

PROJECT = "my-project"


class WatsonxWire(ChatWire):
    """An upstream of `/ml/v1/text/chat` and `/text/chat_stream`."""

    name = "watsonx"
    broken = event({"errors": [{"code": "failed", "message": "the scripted reason"}], "trace": "t", "status_code": 500})

    def read(self, body: Json, stream: bool) -> Asked:
        assert body.pop("project_id") == PROJECT
        assert "tool_choice" not in body or isinstance(body["tool_choice"], dict)
        said = {"model": body.pop("model_id"), **body, **({"stream": True} if stream else {})}
        if "tool_choice_option" in said:
            said["tool_choice"] = said.pop("tool_choice_option")
        return super().read(said, stream)

    def reply(self, answer: Answer) -> Json:
        whole = super().reply(answer)
        kept = {name: value for name, value in whole.items() if name not in ("object", "model")}
        return {**kept, "model_id": "upstream-model", "model_version": "1.0.0", "created_at": "2025-01-01T00:00:00Z"}

    def pieces(self, answer: Answer) -> list[bytes]:
        """Events with numbers and names, and no mark of the end."""
        pieces = super().pieces(answer)[:-1]
        return [b"id: %d\nevent: message\n" % number + piece for number, piece in enumerate(pieces)]
