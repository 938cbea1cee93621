"""Images, audio and files of the typed model as `inlineData` and `fileData`."""

from __future__ import annotations

import base64
from dataclasses import replace
from mimetypes import guess_type
from typing import Any, Final
from urllib.parse import urlsplit

from nova_core.types.chat import Audio, File, Image, Source
from nova_core.wire.gemini.fields import native
from nova_core.wire.gemini.notes import Notes

UPLOADS: Final = "https://generativelanguage.googleapis.com/v1beta/"
"""Where uploaded files (`files/NAME`) are."""
RESOLUTIONS: Final = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
# The first base64 characters of what a file of this type starts with.
SIGNATURES: Final = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": "application/pdf",
}
AUDIO_TYPES: Final = {"pcm16": "audio/L16;rate=24000"}

Body = dict[str, Any]


class MediaWriter:
    """Renders the media of one request; `detailed` says that the model takes a resolution for each part."""

    __slots__ = ("_detailed", "_notes")

    def __init__(self, notes: Notes, *, detailed: bool) -> None:
        self._notes = notes
        self._detailed = detailed

    def image(self, part: Image, path: str) -> list[Body]:
        """An image; data that neither says nor shows its type is taken for JPEG."""
        self._notes.unmarked(part.cache, path)
        body = self._source(part.source, "image/jpeg", path)
        resolution = RESOLUTIONS.get(part.detail or "")
        if body and resolution and self._detailed:
            body["mediaResolution"] = {"level": resolution}
        elif part.detail is not None:
            self._notes.hint(f"{path}.image_url.detail")
        return self._whole(body, part, path)

    def audio(self, part: Audio, path: str) -> list[Body]:
        """Audio; of an earlier spoken answer that is known by its id alone, the words."""
        self._notes.unmarked(part.cache, path)
        source = part.source
        if source.data is None and source.url is None:
            if part.transcript:
                self._notes.approximated(path, "spoken words are said as text")
                return [{"text": part.transcript}]
            self._notes.lost(path, "audio is sent as data or by its URL")
            return []
        form = part.format or "wav"
        kind = AUDIO_TYPES.get(form, f"audio/{form}")
        if source.data is not None and source.media_type is None:
            # WAV and WebP begin alike: what is said to be audio is not looked at.
            source = replace(source, media_type=kind)
        return self._whole(self._source(source, kind, path), part, path)

    def file(self, part: File, path: str) -> list[Body]:
        """A document; its context goes before it."""
        self._notes.unmarked(part.cache, path)
        if part.name is not None or part.title is not None:
            self._notes.hint(f"{path}.file.filename")
        if part.citations:
            self._notes.lost(f"{path}.citations", "citations of documents cannot be asked for")
        before: list[Body] = []
        if part.context:
            self._notes.approximated(f"{path}.context", "said as text before the document")
            before.append({"text": part.context})
        body = self._source(part.source, "application/pdf", path)
        return [*before, *self._whole(body, part, path)] if body else []

    def _whole(self, body: Body | None, part: Image | Audio | File, path: str) -> list[Body]:
        self._notes.foreign(part.extra, path)
        if body is None:
            return []
        for name, value in native(part.extra).items():
            body[name] = {**value, **body[name]} if name in body and isinstance(value, dict) else value
        return [body]

    def _source(self, source: Source, media_type: str, path: str) -> Body | None:
        if source.text is not None:
            data = base64.b64encode(source.text.encode()).decode()
            return {"inlineData": {"mimeType": source.media_type or "text/plain", "data": data}}
        if source.data is not None:
            shown = next((kind for start, kind in SIGNATURES.items() if source.data.startswith(start)), media_type)
            return {"inlineData": {"mimeType": source.media_type or shown, "data": source.data}}
        url = source.url if source.url is not None else _uploaded(source.file_id)
        if url is None:
            self._notes.lost(path, "media is sent as data, by its URL, or as one of the vendor's own files")
            return None
        kind = source.media_type or guess_type(urlsplit(url).path)[0]
        if kind is None and not url.startswith(UPLOADS):
            kind = media_type
            self._notes.approximated(path, f"its type is not known: sent as {kind}")
        return {"fileData": {"fileUri": url} | ({"mimeType": kind} if kind else {})}


def _uploaded(file_id: str | None) -> str | None:
    """The URI of a file that the vendor keeps."""
    if file_id is None or "://" in file_id:
        return file_id
    return f"{UPLOADS}{file_id}" if file_id.startswith("files/") else None
