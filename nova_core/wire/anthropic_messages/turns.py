"""Messages of the typed model into `system` and the alternating turns of the Messages API."""

from __future__ import annotations

from typing import Any

from nova_core.types.chat import ChatRequest, Message, Text
from nova_core.wire.anthropic_messages.blocks import PLACEHOLDER, Block, BlockWriter
from nova_core.wire.anthropic_messages.fields import NAME, Notes, native, render_cache
from nova_core.wire.earlier_images import with_earlier_images
from nova_core.wire.openai_chat.fields import NAME as CHAT
from nova_core.wire.shown_images import shown_by_user

Turn = dict[str, Any]
INSTRUCTING = ("system", "developer")


def render_turns(typed: ChatRequest, notes: Notes) -> tuple[list[Block], list[Turn]]:
    """The system blocks and the turns.

    Only leading instructions go to `system`. Neighbouring user and tool messages become one user turn with the
    tool results first, as the vendor demands. An empty turn gets a placeholder, and so do instructions alone.
    """
    writer = BlockWriter(notes, by_list=typed.extra.keys() <= {CHAT})
    system: list[Block] = []
    turns: list[Turn] = []
    for place, message in enumerate(shown_by_user(typed, notes, with_earlier_images).messages):
        path = f"messages[{place}]"
        blocks = _blocks(message, path, writer, notes)
        if message.role in INSTRUCTING and not turns:
            system += blocks
        elif message.role in INSTRUCTING and NAME in typed.extra:
            turns.append({"role": "system", "content": blocks})
        elif message.role == "assistant":
            turns.append({"role": "assistant", "content": blocks})
        else:
            if message.role in INSTRUCTING:
                notes.approximated(path, f"a later {message.role} message is said as the user's")
            _extend_user_turn(turns, blocks)
        if turns:
            turns[-1].update(native(message.extra))
    if not turns:
        turns.append({"role": "user", "content": []})
    for turn in turns:
        if not turn["content"]:
            notes.approximated("messages", "an empty turn got a placeholder")
            turn["content"].append({"type": "text", "text": PLACEHOLDER})
    return system, turns


def _blocks(message: Message, path: str, writer: BlockWriter, notes: Notes) -> list[Block]:
    notes.foreign(message.extra, path)
    if message.name is not None:
        notes.hint(f"{path}.name")
    if message.role == "developer":
        notes.mapped(f"{path}.role", "developer is system")
    parts = message.parts
    if message.role in INSTRUCTING:
        for part in parts:
            if not isinstance(part, Text):
                notes.lost(f"{path}.content", "instructions are text only")
        parts = tuple(part for part in parts if isinstance(part, Text))
    blocks = writer.content(parts, path)
    if message.cache is not None:
        _mark_last(blocks, message, path, notes)
    return blocks


def _mark_last(blocks: list[Block], message: Message, path: str, notes: Notes) -> None:
    """A breakpoint on a whole message stands on its last block that may carry one."""
    for block in reversed(blocks):
        if block["type"] not in ("thinking", "redacted_thinking"):
            block.update(render_cache(message.cache))
            notes.mapped(f"{path}.cache_control", "on the last block")
            return
    notes.hint(f"{path}.cache_control", "there is no block to carry it")


def _extend_user_turn(turns: list[Turn], blocks: list[Block]) -> None:
    if not turns or turns[-1]["role"] != "user":
        turns.append({"role": "user", "content": []})
    content = turns[-1]["content"]
    results = [block for block in blocks if block["type"] == "tool_result"]
    others = [block for block in blocks if block["type"] != "tool_result"]
    answered = sum(block["type"] == "tool_result" for block in content)
    content[answered:answered] = results
    content += others
