"""What is embedded: contents to and from items of an embeddings request, and the task they are for."""

# https://ai.google.dev/api/embeddings#v1beta.TaskType

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nova_core.types.chat import Audio, File, Image, Source, Text
from nova_core.types.embeddings import EmbeddingsRequest
from nova_core.wire.embedding_items import TASK_NAMES, meaning
from nova_core.wire.gemini.fields import enum
from nova_core.wire.gemini.media import MediaWriter
from nova_core.wire.gemini.notes import Notes
from nova_core.wire.gemini.parts import CallIds, parse_part
from nova_core.wire.openai_chat.content import data_url, to_data_url
from nova_core.wire.openai_chat.fields import Fields, bad_field

EMBED: Final = "gemini_embed"
KEY: Final = "gemini_batch_embed"
"""What extras of both embedding dialects are kept under."""
TASKS: Final[Mapping[str, str]] = {
    "retrieval.query": "RETRIEVAL_QUERY",
    "retrieval.passage": "RETRIEVAL_DOCUMENT",
    "text-matching": "SEMANTIC_SIMILARITY",
    "separation": "CLUSTERING",
    "code.query": "CODE_RETRIEVAL_QUERY",
    "code.passage": "RETRIEVAL_DOCUMENT",
}
"""What words of other embedding APIs mean, in Google's."""
OWN_TASKS: Final = frozenset(
    {
        "TASK_TYPE_UNSPECIFIED", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION",
        "CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY",
    }
)  # fmt: skip
NOVA_TASKS: Final[Mapping[str, str]] = {
    "RETRIEVAL_QUERY": "retrieval.query",
    "RETRIEVAL_DOCUMENT": "retrieval.passage",
    "SEMANTIC_SIMILARITY": "text-matching",
    "CODE_RETRIEVAL_QUERY": "code.query",
}
"""Tasks that have the same meaning as one of Nova's."""


def parse_items(fields: Fields, items: Sequence[Fields], *, single: bool) -> EmbeddingsRequest:
    """The typed request; what is said of all items alike is said once."""
    tasks = [_task(item) for item in items]
    widths = {item.integer("outputDimensionality") for item in items}
    if len(widths) > 1:
        raise bad_field("requests[1].outputDimensionality", "must be the same in every request")
    shared = tasks[0] if len(set(tasks)) == 1 else None
    given = [_item(item, None if shared else task) for item, task in zip(items, tasks, strict=True)]
    model = fields.required_text("model").removeprefix("models/")
    width = widths.pop()
    left = fields.left()
    return EmbeddingsRequest(
        model, tuple(given), single, dimensions=width, task=shared, extra={KEY: left} if left else {}
    )


def _task(item: Fields) -> str | None:
    name = enum(item.text("taskType"))
    return None if name in (None, "TASK_TYPE_UNSPECIFIED") else NOVA_TASKS.get(name or "", name)


def _item(fields: Fields, task: str | None) -> Any:
    """Text as it is; media, titles and tasks of single items make an object."""
    content = fields.take("content")
    title = fields.text("title")
    if isinstance(content, str):
        content = {"parts": [{"text": content}]}
    if not isinstance(content, Mapping):
        raise bad_field(fields.at("content"), "is required: an object with `parts`")
    parts = content.get("parts")
    texts: list[str] = []
    item: dict[str, Any] = {}
    for place, value in enumerate([parts] if isinstance(parts, Mapping) else parts or ()):
        for part in parse_part(value, f"{fields.at('content.parts')}[{place}]", CallIds()):
            match part:
                case Text():
                    texts.append(part.text)
                case Image() if "image" not in item:
                    item["image"] = to_data_url(part.source) if part.source.data else part.source.url
                case _:
                    return dict(content)
    if texts:
        item = {"text": "\n".join(texts), **item}
    if not item:
        raise bad_field(fields.at("content.parts"), "must contain at least one part")
    if item.keys() == {"text"} and title is None and task is None:
        return item["text"]
    return item | {name: value for name, value in (("title", title), ("task", task)) if value is not None}


def render_item(item: Any, path: str, notes: Notes) -> dict[str, Any]:
    """`content`, and what is said of this item alone."""
    if isinstance(item, str):
        return {"content": {"parts": [{"text": item}]}}
    if not isinstance(item, Mapping):
        notes.lost(path, "items are text or objects, not tokens")
        return {"content": {"parts": []}}
    if "parts" in item:
        return {"content": dict(item)}
    parts: list[dict[str, Any]] = []
    said: dict[str, Any] = {}
    for name, value in item.items():
        match name:
            case "text" if isinstance(value, str):
                parts.append({"text": value})
            case "image" | "url" | "audio" | "document" | "pdf" if isinstance(value, str):
                parts += _media(name, value, f"{path}.{name}", notes)
            case "title" if isinstance(value, str):
                said["title"] = value
            case "task" if (task := _own_task(value)) is not None:
                said["taskType"] = task
            case _:
                notes.lost(f"{path}.{name}", "there is no such field")
    return {"content": {"parts": parts}, **said}


def _media(name: str, value: str, path: str, notes: Notes) -> list[dict[str, Any]]:
    found = data_url(value)
    if found is not None:
        source = Source(data=found[1], media_type=found[0])
    else:
        source = Source(url=value) if "://" in value else Source(data=value)
    media = MediaWriter(notes, detailed=False)
    if name == "audio":
        return media.audio(Audio(source), path)
    return media.file(File(source), path) if name in ("document", "pdf") else media.image(Image(source), path)


def task_type(typed: EmbeddingsRequest, notes: Notes) -> dict[str, Any]:
    """`taskType`, however it was said; extras of other dialects are noted."""
    said: dict[str, Any] = {"task": typed.task} if typed.task is not None else {}
    left: dict[str, dict[str, Any]] = {}
    options: dict[str, Any] = {}
    for dialect, members in typed.extra.items():
        for name, value in members.items():
            if name in TASK_NAMES:
                said.setdefault("task", value)
            elif name == "title" or dialect == KEY:
                options[name] = value
            else:
                left.setdefault(dialect, {})[name] = value
    notes.foreign(left)
    if "task" in said and (task := _own_task(said["task"])) is not None:
        return options | {"taskType": task}
    if "task" in said:
        notes.lost("task", "the vendor has no such task")
    return options


def _own_task(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    name = value.upper().replace("-", "_").replace(".", "_")
    return name if name in OWN_TASKS else TASKS.get(meaning(value) or "")
