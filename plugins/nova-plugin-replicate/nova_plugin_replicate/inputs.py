"""A typed chat request into the input of a language model, and what became of each field."""

from __future__ import annotations

from typing import Any, Final

from nova_core.errors import BadRequestError
from nova_core.types.chat import ChatRequest, Image, Message
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import TypedRequest
from nova_core.wire.anthropic_messages.thinking import thinking_budget
from nova_core.wire.drop_policy import is_default
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_chat.content import to_data_url
from nova_core.wire.prompts import as_prompt, as_turns, note_text_only, own_inputs
from nova_plugin_replicate.families import Family, family_of

NAME: Final = "replicate_chat"
SAME: Final = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")


def render(typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
    """`model`, `stream` and the `input`. Raises BadRequestError for what is no chat."""
    if not isinstance(typed, ChatRequest):
        raise BadRequestError("language models take chats only")
    notes, family = ForeignNotes(own=False, dialect=NAME), family_of(typed.model)
    said, images = _told(typed.messages, family, notes)
    said |= _images(images, family, notes) | _numbers(typed, family, notes) | _thinking(typed, family, notes)
    if typed.verbosity is not None and family.verbosity is not None:
        said[family.verbosity] = typed.verbosity
    said |= own_inputs(typed, notes)
    note_text_only(typed, notes)
    stream = {"stream": True} if typed.stream else {}
    return {"model": typed.model, **stream, "input": said}, notes.fidelity()


def _told(
    messages: tuple[Message, ...], family: Family, notes: ForeignNotes
) -> tuple[dict[str, Any], tuple[Image, ...]]:
    """What is said, turn by turn or in one prompt, and the images."""
    told = as_turns(messages, ForeignNotes(own=False, dialect=NAME))
    if family.messages is not None and len(told.turns) > 1 and not told.images:
        told = as_turns(messages, notes)
        system = [{"role": "system", "content": told.system}] if told.system else []
        turns = [{"role": role, "content": text} for role, text in told.turns]
        return {family.messages: [*system, *turns]}, ()
    prompt = as_prompt(messages, notes)
    said: dict[str, Any] = {"prompt": prompt.text}
    if prompt.system and family.system:
        said[family.system] = prompt.system
    elif prompt.system:
        notes.approximated("messages", "instructions are put in front of the prompt")
        said["prompt"] = f"{prompt.system}\n\n{prompt.text}"
    return said, prompt.images


def _images(images: tuple[Image, ...], family: Family, notes: ForeignNotes) -> dict[str, Any]:
    shown = [image.source for image in images if image.source.url or image.source.data]
    found = [source.url or to_data_url(source) for source in shown]
    if len(found) < len(images):
        notes.lost("messages", "images are sent by their address or as data")
    if family.images is not None and found:
        return {family.images: found}
    if len(found) > 1 or (found and family.image is None):
        notes.lost("messages", "this model takes one image" if family.image else "this model takes no images")
    return {family.image: found[-1]} if family.image is not None and found else {}


def _numbers(typed: ChatRequest, family: Family, notes: ForeignNotes) -> dict[str, Any]:
    said: dict[str, Any] = {} if typed.max_tokens is None else {family.limit: typed.max_tokens}
    for name in SAME:
        if (value := getattr(typed, name)) is None:
            continue
        if family.sampled:
            said[name] = value
        else:
            (notes.hint if is_default(name, value) else notes.lost)(name, "this model has no such input")
    if typed.top_k is not None and family.top_k:
        said["top_k"] = typed.top_k
    elif typed.top_k is not None:
        notes.lost("top_k", "this model has no such input")
    if typed.stop and (family.stop is None or any("," in sequence for sequence in typed.stop)):
        notes.lost("stop", "sequences are said in one text, apart by commas, to models that have them")
    elif typed.stop and family.stop is not None:
        said[family.stop] = ",".join(typed.stop)
    return said


def _thinking(typed: ChatRequest, family: Family, notes: ForeignNotes) -> dict[str, Any]:
    wanted = typed.reasoning
    if typed.verbosity is not None and family.verbosity is None:
        notes.hint("verbosity")
    if wanted is None or wanted.mode == "disabled" or wanted.effort == "none":
        return {}
    if family.effort is not None and wanted.effort is not None:
        return {family.effort: wanted.effort}
    if family.budget is None:
        notes.hint("reasoning_effort", "how much to think is left to the model")
        return {}
    budget = thinking_budget(wanted, typed.max_tokens)
    if budget is None:
        notes.approximated("reasoning_effort", "max_tokens leaves no room for thinking")
        return {}
    switch = {family.thinks: True} if family.thinks else {}
    return {family.budget: budget, **switch}
