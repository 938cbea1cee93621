"""Content parts of messages and tool outputs (OpenAI API reference, "Responses", input and output content)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nova_core.types.chat import Audio, Citation, File, Image, Opaque, Part, Refusal, Source, Text
from nova_core.wire.openai_chat.content import AUDIO_FORMATS, file_name, to_data_url, url_source
from nova_core.wire.openai_chat.fields import Fields, bad_field
from nova_core.wire.openai_chat.notes import Notes
from nova_core.wire.openai_responses.fields import NAME, adopted

Body = dict[str, Any]


def parse_content(value: Any, path: str) -> tuple[Part, ...]:
    """Parts of a `content` or `output` that is a string or an array of parts."""
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, list):
        raise bad_field(path, "must be a string or an array of content parts")
    return tuple(_part(item, f"{path}[{place}]") for place, item in enumerate(value))


def _part(value: Any, path: str) -> Part:
    fields = Fields(value, path)
    kind = fields.text("type")
    if not kind:
        raise bad_field(f"{path}.type", 'is required, such as "input_text"')
    parse = _PARSERS.get(kind)
    return parse(fields) if parse else Opaque(NAME, value)


def _text(fields: Fields) -> Part:
    text, cache = fields.required_text("text"), fields.cache()
    cited = tuple(citation(raw) for raw in fields.array("annotations") or () if isinstance(raw, dict))
    fields.take("logprobs")  # said on the answer's choice; in a history they say nothing
    return Text(text, cache=cache, citations=cited, extra=fields.extra(NAME))


def citation(raw: Mapping[str, Any]) -> Citation:
    """One annotation; kinds other than `url_citation` keep only their raw form."""
    if raw.get("type") != "url_citation":
        return Citation(NAME, raw)

    def some(name: str, kind: type[Any]) -> Any:
        return raw.get(name) if isinstance(raw.get(name), kind) else None

    start, end = some("start_index", int), some("end_index", int)
    return Citation(NAME, raw, url=some("url", str), title=some("title", str), start=start, end=end)


def annotation(cited: Citation, start: int, end: int) -> Body | None:
    """The annotation on characters `start` to `end` of its text; None for a source without a URL."""
    if cited.dialect == NAME:
        return dict(cited.raw)
    if cited.url is None:
        return None
    return {
        "type": "url_citation",
        "start_index": start if cited.start is None else cited.start,
        "end_index": end if cited.end is None else cited.end,
        "title": cited.title or cited.url,
        "url": cited.url,
    }


def _refusal(fields: Fields) -> Part:
    return Refusal(fields.required_text("refusal"), extra=fields.extra(NAME))


def _image(fields: Fields) -> Part:
    url, file_id, detail = fields.text("image_url"), fields.text("file_id"), fields.text("detail")
    if url:
        source = url_source(url, fields.at("image_url"))
    elif file_id:
        source = Source(file_id=file_id)
    else:
        raise bad_field(fields.path, "needs `image_url` or `file_id`")
    return Image(source, detail=None if detail == "auto" else detail, cache=fields.cache(), extra=fields.extra(NAME))


def _file(fields: Fields) -> Part:
    data, url, file_id = fields.text("file_data"), fields.text("file_url"), fields.text("file_id")
    name = fields.text("filename")
    if data:
        source = url_source(data, fields.at("file_data"))
        source = Source(data=data) if source.url else source
    elif url:
        source = Source(url=url)
    elif file_id:
        source = Source(file_id=file_id)
    else:
        raise bad_field(fields.path, "needs `file_data`, `file_url` or `file_id`")
    return File(source, name=name, cache=fields.cache(), extra=fields.extra(NAME))


def _audio(fields: Fields) -> Part:
    inner = Fields(fields.take("input_audio"), fields.at("input_audio"))
    source, form = Source(data=inner.required_text("data")), inner.text("format")
    return Audio(source, format=form, cache=fields.cache(), extra=fields.extra(NAME))


_PARSERS: Mapping[str, Callable[[Fields], Part]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}


def render_parts(parts: list[tuple[str, Part]], notes: Notes, *, said: bool = False) -> list[Body]:
    """Parts with their paths as content; `said` by the assistant. What cannot be said is noted and left out."""
    bodies = (_render(part, path, notes, said=said) for path, part in parts)
    return [body for body in bodies if body is not None]


def _render(part: Part, path: str, notes: Notes, *, said: bool) -> Body | None:
    body: Body | None
    match part:
        case Opaque():
            if part.dialect == NAME:
                return dict(part.raw)
            notes.lost(path, f"only {part.dialect} knows {part.raw.get('type', 'this part')}")
            return None
        case Text():
            body = text_body(part) if said else {"type": "input_text", "text": part.text}
        case Refusal():
            body = {"type": "refusal", "refusal": part.text}
        case Image():
            body = _image_body(part, path, notes)
        case File():
            body = _file_body(part, path, notes)
        case Audio():
            body = _audio_body(part, path, notes)
        case _:
            notes.lost(path, "no content part says this")
            return None
    if body is not None:
        extra = adopted(part.extra)
        own = {name: value for name, value in extra.get(NAME, {}).items() if name != "item"}
        notes.extra(body, {**extra, NAME: own}, path)
        notes.cache(body, None if isinstance(part, Refusal) else part.cache, path)
    return body


def text_body(part: Text) -> Body:
    """An `output_text` part with its annotations."""
    cited = [annotation(each, 0, len(part.text)) for each in part.citations]
    return {"type": "output_text", "text": part.text, "annotations": [each for each in cited if each is not None]}


def _image_body(part: Image, path: str, notes: Notes) -> Body | None:
    source, detail = part.source, {"detail": part.detail or "auto"}
    if source.file_id is not None:
        return {"type": "input_image", "file_id": source.file_id, **detail}
    if source.data is None and source.url is None:
        notes.lost(path, "an image is sent as a URL, as data or by file id")
        return None
    url = to_data_url(source) if source.data is not None else source.url
    return {"type": "input_image", "image_url": url, **detail}


def _file_body(part: File, path: str, notes: Notes) -> Body:
    if part.citations:
        notes.lost(f"{path}.citations", "citations of documents cannot be asked for")
    if part.context:
        notes.lost(f"{path}.context", "a document has no context of its own")
    source, name = part.source, part.name or part.title
    if source.data is not None and not notes.own:
        name = file_name(part)
    if source.text is not None:
        notes.approximated(path, "a text document is sent as a text part")
        return {"type": "input_text", "text": f"{name}\n\n{source.text}" if name else source.text}
    body: Body = {"type": "input_file", **({"filename": name} if name else {})}
    if source.data is not None:
        return {**body, "file_data": to_data_url(source) if source.media_type else source.data}
    return {**body, **({"file_id": source.file_id} if source.file_id is not None else {"file_url": source.url})}


def _audio_body(part: Audio, path: str, notes: Notes) -> Body | None:
    if part.source.data is None or not notes.own:
        notes.lost(path, "messages hold no audio")
        return None
    form = part.format or AUDIO_FORMATS.get(part.source.media_type or "")
    return {"type": "input_audio", "input_audio": {"data": part.source.data, **({"format": form} if form else {})}}
