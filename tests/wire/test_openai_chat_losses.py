"""What of another dialect's reply a chat completion cannot say."""

from __future__ import annotations

from nova_core.types.fidelity import Fate
from nova_core.types.message import Reply
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.translate import translate_reply

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
WEB = {
    "type": "web_search_result_location",
    "url": "https://x",
    "title": "x",
    "cited_text": "y",
    "encrypted_index": "z",
}
PAGE = {"type": "page_location", "cited_text": "y", "document_index": 0}


def said(*blocks: dict[str, object], **more: object) -> Reply:
    usage = {"input_tokens": 1, "output_tokens": 1, "server_tool_use": {"web_search_requests": 1}}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": list(blocks)}
    members = {**message, "stop_reason": "end_turn", "usage": usage, **more}
    return translate_reply(Reply("chat", ANTHROPIC_MESSAGES, members), OPENAI_CHAT)


def fates(reply: Reply) -> dict[str, Fate]:
    return {note.field: note.fate for note in reply.fidelity.notes}


def test_blocks_that_only_the_vendor_knows_are_kept_and_not_reported_as_lost() -> None:
    reply = said({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})
    assert fates(reply)["choices[0].message.parts[0]"] is Fate.MAPPED
    assert reply.members["choices"][0]["message"]["provider_specific_fields"]["blocks"][0]["id"] == "s"


def test_what_is_not_said_is_named() -> None:
    reply = said({"type": "text", "text": "x"}, container={"id": "c"}, stop_details={"type": "refusal"})
    assert fates(reply) == {
        "container": Fate.LOST,
        "usage.server_tool_use": Fate.HINT,
        "choices[0].stop_details": Fate.LOST,
    }


def test_citations_are_said_nearly_or_kept() -> None:
    reply = said({"type": "text", "text": "x", "citations": [WEB, PAGE]})
    path = "choices[0].message.parts[0].citations"
    assert fates(reply)[f"{path}[0]"] is Fate.APPROXIMATED
    assert fates(reply)[f"{path}[1]"] is Fate.MAPPED


def test_an_image_in_an_answer_is_kept_whole_and_breaks_nothing() -> None:
    reply = said({"type": "text", "text": "x"}, IMAGE)
    message = reply.members["choices"][0]["message"]
    assert (message["content"], message["provider_specific_fields"]["blocks"]) == ("x", [IMAGE])
