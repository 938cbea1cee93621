"""Content parts: text, images, audio, files, refusals (OpenAI API reference, chat "content part")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nova_core.types.chat import (
    Audio,
    Extra,
    File,
    Image,
    Opaque,
    Part,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
)
from nova_core.wire.openai_chat.fields import NAME, Fields, bad_field
from nova_core.wire.openai_chat.notes import Notes, note_opaque

AUDIO_FORMATS: Mapping[str, str] = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
UNNAMED = "document"
"""What a file is called that comes as data and has no name: the vendor wants one then, and calls it missing."""
ENDINGS: Mapping[str, str] = {"application/pdf": ".pdf", "text/plain": ".txt", "text/csv": ".csv"}


def parse_content(value: Any, path: str) -> tuple[Part, ...]:
    """Parts of a `content` that is a string or an array of parts."""
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, list):
        raise bad_field(path, "must be a string or an array of content parts")
    return tuple(parse_part(item, f"{path}[{index}]") for index, item in enumerate(value))


def parse_part(value: Any, path: str) -> Part:
    """One content part; types that OpenAI does not define are kept whole."""
    if isinstance(value, str):
        return Text(value)
    fields = Fields(value, path)
    kind = fields.text("type")
    if not kind:
        raise bad_field(f"{path}.type", 'is required, such as "text" or "image_url"')
    parse = _PARSERS.get(kind)
    return parse(fields) if parse else Opaque(NAME, value)


def data_url(text: str) -> tuple[str | None, str] | None:
    """Media type and base64 text of a `data:` URL; None for any other URL."""
    if text[:5].lower() != "data:":
        return None
    head, comma, data = text[5:].partition(",")
    media_type, _, encoding = head.rpartition(";")
    if not comma or encoding.strip().lower() != "base64":
        return None
    return media_type or None, data


def to_data_url(source: Source) -> str:
    """A `data:` URL of inline media."""
    return f"data:{source.media_type or ''};base64,{source.data}"


def url_source(url: str, path: str) -> Source:
    """Media by address, or inside it (`data:`). Raises BadRequestError for a `data:` URL without data."""
    found = data_url(url)
    if found is None:
        return Source(url=url)
    media_type, data = found
    if not data:
        raise bad_field(path, "is a data URL without data")
    return Source(data=data, media_type=media_type)


def _text(fields: Fields) -> Part:
    text = fields.required_text("text")
    return Text(text, cache=fields.cache(), extra=fields.extra())


def _refusal(fields: Fields) -> Part:
    return Refusal(fields.required_text("refusal"), extra=fields.extra())


def _image(fields: Fields) -> Part:
    value = fields.take("image_url")
    inner = Fields({"url": value} if isinstance(value, str) else value, fields.at("image_url"))
    url = inner.required_text("url")
    if not url:
        raise bad_field(inner.at("url"), "must be a URL, or a data URL with the image")
    source = url_source(url, inner.at("url"))
    detail = inner.text("detail")
    return Image(source, detail=detail, cache=fields.cache(), extra=_nested(fields, "image_url", inner))


def _audio(fields: Fields) -> Part:
    inner = Fields(fields.take("input_audio"), fields.at("input_audio"))
    source = Source(data=inner.required_text("data"))
    form = inner.text("format")
    return Audio(source, format=form, cache=fields.cache(), extra=_nested(fields, "input_audio", inner))


def _file(fields: Fields) -> Part:
    inner = Fields(fields.take("file"), fields.at("file"))
    data, file_id = inner.text("file_data"), inner.text("file_id")
    if data:
        source = url_source(data, inner.at("file_data"))
        source = Source(data=data) if source.url else source
    elif file_id:
        is_url = file_id.startswith(("http://", "https://", "gs://"))
        source = Source(url=file_id) if is_url else Source(file_id=file_id)
    else:
        raise bad_field(inner.path, "needs `file_data` or `file_id`")
    name = inner.text("filename")
    return File(source, name=name, cache=fields.cache(), extra=_nested(fields, "file", inner))


def _thinking(fields: Fields) -> Part:
    # `index` is left over in blocks that clients put together from a stream.
    fields.take("index")
    text = fields.required_text("thinking")
    return Thinking(text, fields.text("signature"), extra=fields.extra())


def _redacted(fields: Fields) -> Part:
    fields.take("index")
    return RedactedThinking(fields.required_text("data"), extra=fields.extra())


def _nested(fields: Fields, name: str, inner: Fields) -> Extra:
    if left := inner.left():
        fields.put_back(name, left)
    return fields.extra()


_PARSERS: Mapping[str, Callable[[Fields], Part]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}


def render_part(part: Part, path: str, notes: Notes) -> dict[str, Any] | None:
    """The part as this dialect says it; None, with a note, when it cannot."""
    if isinstance(part, Opaque):
        if part.dialect == NAME or notes.own:
            return dict(part.raw)
        note_opaque(part, path, notes)
        return None
    body: dict[str, Any] | None
    match part:
        case Text():
            body = _text_body(part, path, notes)
        case Refusal():
            body = {"type": "refusal", "refusal": part.text}
        case Image():
            body = _image_body(part, path, notes)
        case Audio():
            body = _audio_body(part, path, notes)
        case File():
            body = _file_body(part, path, notes)
        case Thinking() | RedactedThinking():
            notes.hint(path, "earlier thinking cannot be sent back")
            return None
        case _:
            notes.lost(path, "tool calls belong to assistant messages and results to tool messages")
            return None
    if body is not None:
        notes.extra(body, part.extra, path)
        notes.cache(body, None if isinstance(part, Refusal) else part.cache, path)
    return body


def _text_body(part: Text, path: str, notes: Notes) -> dict[str, Any]:
    if part.citations and not notes.own:
        notes.hint(f"{path}.citations", "citations of earlier answers are not sent back")
    return {"type": "text", "text": part.text}


def _image_body(part: Image, path: str, notes: Notes) -> dict[str, Any] | None:
    source = part.source
    if source.data is None and source.url is None:
        notes.lost(path, "an image is sent as a URL or as data, not by file id")
        return None
    url = to_data_url(source) if source.data is not None else source.url
    return {"type": "image_url", "image_url": {"url": url, **({"detail": part.detail} if part.detail else {})}}


def _audio_body(part: Audio, path: str, notes: Notes) -> dict[str, Any] | None:
    if part.source.data is None:
        notes.lost(path, "audio is sent as data")
        return None
    form = part.format or AUDIO_FORMATS.get(part.source.media_type or "")
    return {"type": "input_audio", "input_audio": {"data": part.source.data, **({"format": form} if form else {})}}


def file_name(part: File) -> str:
    """The name of a file, its title, or one that tells its kind."""
    return part.name or part.title or UNNAMED + ENDINGS.get(part.source.media_type or "", "")


def _file_body(part: File, path: str, notes: Notes) -> dict[str, Any] | None:
    if part.citations:
        notes.lost(f"{path}.citations", "citations of documents cannot be asked for")
    if part.context:
        notes.lost(f"{path}.context", "a document has no context of its own")
    source, name = part.source, part.name or part.title
    if source.data is not None and not notes.own:
        name = file_name(part)
    if source.text is not None:
        notes.approximated(path, "a text document is sent as a text part")
        title = f"{name}\n\n" if name else ""
        return {"type": "text", "text": f"{title}{source.text}"}
    file: dict[str, Any] = {"filename": name} if name else {}
    if part.title and not part.name:
        notes.mapped(f"{path}.title", "sent as the file's name")
    elif part.title:
        notes.hint(f"{path}.title")
    if source.data is not None:
        file["file_data"] = to_data_url(source) if source.media_type else source.data
    elif source.file_id is not None:
        file["file_id"] = source.file_id
    elif notes.own:
        file["file_id"] = source.url
    else:
        notes.lost(path, "a file is sent as data or by file id, not as a URL")
        return None
    return {"type": "file", "file": file}
