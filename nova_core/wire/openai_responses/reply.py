"""Whole replies (OpenAI API reference, "The response object")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.chat import (
    Audio,
    ChatReply,
    Choice,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, decoded
from nova_core.types.usage import Usage
from nova_core.wire.openai_chat.notes import DRAWN, Notes, add_members
from nova_core.wire.openai_responses.asked import DEFAULTS, Asked
from nova_core.wire.openai_responses.drawn import drawn_item, listed
from nova_core.wire.openai_responses.errors import failure_code, response_error
from nova_core.wire.openai_responses.fields import NAME
from nova_core.wire.openai_responses.finish import parse_status, render_status
from nova_core.wire.openai_responses.output import logprobs_of, parse_output, render_output
from nova_core.wire.openai_responses.usage import extra_usage, parse_usage, render_usage
from nova_core.wire.upstream_errors import facts_of, redacted

Body = dict[str, Any]
MEMBERS: Final = frozenset(
    {"id", "object", "created_at", "completed_at", "model", "status", "incomplete_details", "error", "output", "usage"}
)


def check_reply(members: Members) -> None:
    """Raises BadGatewayError for what is no response, and the error of a response that failed."""
    error = decoded(members.get("error"))
    if error:
        raise response_error(error)
    output = members.get("output")
    is_array = bytes(output).lstrip()[:1] == b"[" if isinstance(output, msgspec.Raw) else isinstance(output, list)
    if not is_array or decoded(members.get("object", "response")) != "response":
        text = redacted(facts_of(msgspec.json.encode(dict(members))).message)
        raise BadGatewayError(f"the upstream's reply is not a response{': ' + text if text else ''}")


def parse_reply(members: Mapping[str, Any]) -> ChatReply:
    """The typed reply. Raises BadGatewayError."""
    check_reply(members)
    output, usage = members["output"], members.get("usage")
    try:
        parts = parse_output(output)
    except BadRequestError as error:
        raise BadGatewayError(f"the upstream's response cannot be read: {error.message}") from error
    called = any(isinstance(part, ToolCall) for part in parts)
    finish, native = parse_status(members, called_tools=called)
    extra = own_members(members)
    if more := extra_usage(usage):
        extra["usage"] = more
    created, tier = members.get("created_at"), members.get("service_tier")
    return ChatReply(
        id=_text(members.get("id")),
        model=_text(members.get("model")),
        choices=(
            Choice(0, Message("assistant", parts), finish=finish, native_finish=native, logprobs=logprobs_of(output)),
        ),
        usage=parse_usage(usage, tier),
        created=int(created) if isinstance(created, int | float) else None,
        service_tier=tier if isinstance(tier, str) else None,
        extra={NAME: extra} if extra else {},
    )


def own_members(response: Mapping[str, Any]) -> Body:
    """What a response says that no other dialect has: what it repeats of its request, and what is unknown here."""
    return {name: value for name, value in response.items() if name not in MEMBERS and value is not None}


def render_reply(reply: ChatReply, asked: Asked, clock: Callable[[], float]) -> Body:
    """The members of the caller's reply. Only the first answer can be said."""
    choice = reply.choices[0] if reply.choices else Choice(0, Message("assistant", ()), None)
    parts = choice.message.parts
    refused = any(isinstance(part, Refusal) for part in parts)
    status = render_status(choice.finish, choice.native_finish, refused=refused)
    own = dict(reply.extra.get(NAME, {}))
    more = own.pop("usage", {})
    body = frame_of(asked, id=reply.id, model=reply.model, created=reply.created, clock=clock)
    usage = None if reply.usage is None else {**render_usage(reply.usage), **more}
    images = [image for image in listed(choice.message.extra) if image is not None]
    output = [*render_output(parts, choice.logprobs, status["status"]), *images]
    body |= status | {"output": output, "usage": usage}
    if status["status"] == "completed":
        body["completed_at"] = int(clock())
    return finished(body, own, reply.service_tier)


def frame_of(asked: Asked, *, id: str, model: str, created: int | None, clock: Callable[[], float]) -> Body:
    """A response that has only begun."""
    return {
        "id": asked.known_as(id),
        "object": "response",
        "created_at": int(clock()) if created is None else created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "usage": None,
        **asked.echo,
    }


def finished(body: Body, own: Mapping[str, Any], service_tier: str | None) -> Body:
    """The response with what the upstream itself said of it; of the request the caller's own words count."""
    if service_tier is not None:
        body["service_tier"] = service_tier
    for name, value in own.items():
        if name in DEFAULTS and body.get(name) == DEFAULTS[name]:
            body[name] = value
    add_members(body, {name: value for name, value in own.items() if name != "items"})
    return body


def losses(typed: ChatReply) -> Fidelity:
    """What of a reply this dialect cannot say, and what it says nearly."""
    notes = Notes(own=False, dialect=NAME)
    for owner, members in typed.extra.items():
        counts = members.get("usage") if owner != NAME else None
        for name in counts if isinstance(counts, Mapping) else ():
            notes.hint(f"usage.{name}", f"only {owner} has it")
        known = {name: value for name, value in members.items() if name != "usage"}
        notes.extra({}, {} if owner == NAME else {owner: known})
    if len(typed.choices) > 1:
        notes.lost("choices", "only the first answer can be said")
    if typed.fingerprint is not None:
        notes.hint("system_fingerprint")
    for choice in typed.choices[:1]:
        if choice.stop_sequence is not None:
            notes.hint("choices[0].stop_sequence")
        if choice.finish in ("refusal", "pause"):
            notes.approximated("choices[0].finish", "said as the status")
        notes.extra({}, {o: m for o, m in choice.extra.items() if o != NAME}, "choices[0]")
        for place, image in enumerate(listed(choice.message.extra)):
            if image is None:
                notes.lost(f"choices[0].message.images[{place}]", "an image is said by its data, not by its address")
        for place, part in enumerate(choice.message.parts):
            _part_losses(part, f"choices[0].message.parts[{place}]", notes)
    return notes.fidelity()


def _part_losses(part: Part, path: str, notes: Notes) -> None:
    match part:
        case Opaque():
            if drawn_item(part) is not None:
                notes.mapped(path, f"an item of type {DRAWN}")
            elif part.dialect != NAME:
                notes.lost(path, f"only {part.dialect} knows it")
            return
        case Image() | File() | ToolResult():
            notes.lost(path, f"an answer holds no {type(part).__name__}")
        case Audio():
            notes.lost(path, "only the transcript of audio can be said")
        case Text():
            for place, cited in enumerate(part.citations):
                _citation_losses(cited, f"{path}.citations[{place}]", notes)
    notes.extra({}, {owner: members for owner, members in part.extra.items() if owner != NAME}, path)


def _citation_losses(cited: Citation, path: str, notes: Notes) -> None:
    if cited.dialect == NAME:
        return
    if cited.url is None:
        notes.lost(path, "only sources with a URL can be cited")
    elif cited.start is None:
        notes.approximated(path, "a citation of its URL, on the whole text")


def usage_of(members: Members) -> Usage | None:
    """The usage a reply states, in the service tier that it states; only these members are decoded."""
    return parse_usage(decoded(members.get("usage")), decoded(members.get("service_tier")))


def failed(body: Mapping[str, Any], error: NovaError) -> Body:
    """The response as it is after `error` ended it; a vendor's own account of its failure stays."""
    if decoded(body.get("error")):
        return dict(body)
    said = {"code": failure_code(error), "message": error.message}
    return {**body, "status": "failed", "error": said, "incomplete_details": None}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
