"""Images, documents and audio of the typed model as blocks of Converse."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html

from __future__ import annotations

import re
from mimetypes import guess_type
from typing import Final

from nova_core.types.chat import Audio, File, Image, Source
from nova_plugin_bedrock.notes import Body, Notes

IMAGES: Final = ("png", "jpeg", "gif", "webp")
DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
AUDIO: Final = frozenset(
    ["mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm"],
)
# The first base64 characters of what a file of this type starts with.
SIGNATURES: Final = {"iVBORw0KGgo": "png", "/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp"}
NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9 ()\[\]-]+")
LONGEST_NAME: Final = 190


class MediaWriter:
    """Renders the media of one request, whose documents need names that differ."""

    __slots__ = ("_names", "_notes")

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._names: set[str] = set()

    def image(self, part: Image, path: str) -> list[Body]:
        """An image as data or from S3; data that neither says nor shows its type is taken for JPEG."""
        if part.detail is not None:
            self._notes.hint(f"{path}.image_url.detail")
        source = self._source(part.source, path)
        if source is None:
            return []
        kind = (part.source.media_type or "").removeprefix("image/").replace("jpg", "jpeg")
        shown = next((form for start, form in SIGNATURES.items() if (part.source.data or "").startswith(start)), None)
        form = shown or kind or _ending(part.source) or "jpeg"
        if form not in IMAGES:
            self._notes.lost(path, f"images are {', '.join(IMAGES)}")
            return []
        return [{"image": {"format": form, "source": source}}]

    def audio(self, part: Audio, path: str) -> list[Body]:
        """Audio; of an earlier spoken answer that is known by its id alone, the words."""
        if part.source.data is None and part.source.url is None and part.transcript:
            self._notes.approximated(path, "spoken words are said as text")
            return [{"text": part.transcript}]
        form = {"pcm16": "pcm"}.get(part.format or "", part.format or "wav")
        source = self._source(part.source, path)
        if source is None or form not in AUDIO:
            if source is not None:
                self._notes.lost(path, f"no model takes audio as {form}")
            return []
        return [{"audio": {"format": form, "source": source}}]

    def file(self, part: File, path: str) -> list[Body]:
        """A document, with the name that the vendor needs."""
        source = {"text": part.source.text} if part.source.text is not None else self._source(part.source, path)
        if source is None:
            return []
        form = DOCUMENTS.get(part.source.media_type or "", _ending(part.source, part.name))
        if form is None:
            kind = part.source.media_type or guess_type(part.source.url or part.name or "")[0] or "application/pdf"
            form = "txt" if "text" in source else "" if kind.startswith(("video/", "audio/")) else "pdf"
        if form not in DOCUMENTS.values():
            self._notes.lost(path, f"documents are {', '.join(DOCUMENTS.values())}")
            return []
        document: Body = {"format": form, "name": self._name(part, path), "source": source}
        if part.context:
            document["context"] = part.context
        if part.citations is not None:
            document["citations"] = {"enabled": part.citations}
        return [{"document": document}]

    def _name(self, part: File, path: str) -> str:
        given = part.title or part.name or "document"
        stem = given.rpartition(".")[0] if part.title is None and "." in given else given
        name = " ".join(NOT_IN_NAMES.sub("-", stem).split())[:LONGEST_NAME] or "document"
        if name != given:
            self._notes.approximated(f"{path}.file.filename", "a name without its ending and special characters")
        count, unique = 1, name
        while unique in self._names:
            count += 1
            unique = f"{name} {count}"
        self._names.add(unique)
        return unique

    def _source(self, source: Source, path: str) -> Body | None:
        if source.data is not None:
            return {"bytes": source.data}
        if source.url is not None and source.url.startswith("s3://"):
            return {"s3Location": {"uri": source.url}}
        self._notes.lost(path, "media is sent as data, or from S3 (s3://…)")
        return None


def _ending(source: Source, name: str | None = None) -> str | None:
    """The format that a file's name ends with."""
    ending = (source.url or name or "").rpartition(".")[2].lower().replace("jpg", "jpeg")
    return ending if ending in IMAGES or ending in DOCUMENTS.values() else None
