"""What a request needs of a deployment, read from it without parsing more than that takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nova_core.errors import BadRequestError
from nova_core.types.call import Call
from nova_core.types.chat import Audio, File, Image, Part, ToolResult
from nova_core.types.message import Request
from nova_core.wire.drop_policy import is_default

REGION = "allowed_model_region"
MEDIA_MARKS = (b"image", b"audio", b"video", b"file", b"document")
"""One of these words is in every body that holds content other than text."""

ABILITIES: Mapping[str, str] = {
    "tools": "function_calling",
    "functions": "function_calling",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_function_calling",
    "reasoning_effort": "reasoning",
    "web_search_options": "web_search",
}
"""Parameter → the ability that it needs, named as in `model_info` without `supports_`."""

PARAMETERS = frozenset(
    [
        *ABILITIES,
        "audio",
        "dimensions",
        "encoding_format",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "modalities",
        "n",
        "prediction",
        "presence_penalty",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "temperature",
        "top_logprobs",
        "top_p",
        "verbosity",
    ]
)
"""OpenAI's parameters that change the answer, and that a list of supported ones may leave out."""


@dataclass(frozen=True, slots=True)
class Needs:
    """`kinds` of content besides text, `parameters` and the `abilities` they ask for, `items` of a batch, `region`.

    `of_chat` says that it is a chat, of which providers say what they take.
    """

    kinds: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()
    abilities: Mapping[str, str] = field(default_factory=dict)
    items: int = 0
    region: str | None = None
    of_chat: bool = False


def needs_of(call: Call, request: Request, body: bytes) -> Needs:
    """What this request needs; `body` are its bytes."""
    given = {name for name in PARAMETERS & request.members.keys() if not is_default(name, request.get(name))}
    abilities = {name: ABILITIES[name] for name in given & ABILITIES.keys()}
    if "response_format" in given and _is_schema(request.get("response_format")):
        abilities["response_format"] = "response_schema"
    return Needs(
        kinds=tuple(dict.fromkeys(_kinds(request))) if any(mark in body for mark in MEDIA_MARKS) else (),
        parameters=frozenset(given),
        abilities=abilities,
        items=_items(request) if request.operation == "embedding" else 0,
        region=region_of(call),
        of_chat=request.operation == "chat",
    )


def region_of(call: Call) -> str | None:
    """Where the call must stay: the key's word, else the caller's own; a child call stays where its parent must.

    Raises BadRequestError for a region that is no name.
    """
    said = [call.principal.metadata.get(REGION)]
    asking: Call | None = call
    while asking is not None:
        said += [asking.original.get(REGION), asking.options.metadata.get(REGION)]
        asking = asking.parent
    region = next((each for each in said if each is not None), None)
    if region is not None and (not isinstance(region, str) or not region):
        raise BadRequestError(f"`{REGION}` must be the name of a region, such as eu", param=REGION)
    return region.lower() if region else None


def _is_schema(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("type") == "json_schema"


def _items(request: Request) -> int:
    value = request.get("input")
    return len(value) if isinstance(value, list) and not _is_tokens(value) else 1


def _is_tokens(value: list[object]) -> bool:
    return bool(value) and all(isinstance(each, int) for each in value)


def _kinds(request: Request) -> Iterator[str]:
    """The kinds of content; none when the request cannot be read here: its provider will say so."""
    if request.operation == "embedding":
        value = request.get("input")
        for item in value if isinstance(value, list) else [value]:
            yield from ("image", "audio", "video", "file") & item.keys() if isinstance(item, dict) else ()
        return
    try:
        messages = request.chat.messages
    except BadRequestError:
        return
    for message in messages:
        yield from _kinds_of(message.parts)


def _kinds_of(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case Image():
                yield "image"
            case Audio():
                yield "audio"
            case File():
                yield "file"
            case ToolResult():
                yield from _kinds_of(part.parts)
