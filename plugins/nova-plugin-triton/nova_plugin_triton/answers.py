"""What an answer of the generate extension says, whole or as a piece of a stream."""

from __future__ import annotations

from nova_core.types.chat import FinishReason
from nova_core.types.message import Members, decoded


def text_of(members: Members) -> str:
    """The text of an answer; models that take batches answer a list of one."""
    output = decoded(members.get("text_output"))
    return "".join(map(str, output)) if isinstance(output, list) else str(output or "")


def model_of(members: Members) -> str:
    """The model that answered."""
    return str(decoded(members.get("model_name")) or "")


def finish_of(members: Members) -> FinishReason | None:
    """Why an answer ended, as far as the model says; the text `None` means that it goes on."""
    word = decoded(members.get("finish_reason"))
    word = word[0] if isinstance(word, list) and word else word
    if not isinstance(word, str) or word in ("", "None", "null"):
        return None
    return "length" if word == "length" else "stop"


def count_of(members: Members, name: str) -> int | None:
    """A count, alone or in a list of one."""
    value = decoded(members.get(name))
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
