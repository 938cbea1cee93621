"""Calls with files, from keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.gateway.bytes_answer import BytesAnswer
from nova_core.gateway.calling import Answers, AnswerStream, answered, as_asked, call_in, whole
from nova_core.gateway.given_files import GivenFile, as_file
from nova_core.gateway.objects import Answer
from nova_core.types.call import Call
from nova_core.wire.openai_image_edits import OPENAI_IMAGE_EDITS
from nova_core.wire.openai_image_variations import OPENAI_IMAGE_VARIATIONS
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS


def transcription_call(arguments: Mapping[str, Any]) -> Call:
    """A transcription from keyword arguments; None counts as not given. Raises BadRequestError."""
    return call_in(OPENAI_TRANSCRIPTIONS, _with_files(arguments, "file"))


def translation_call(arguments: Mapping[str, Any]) -> Call:
    """A translation into English from keyword arguments; None counts as not given. Raises BadRequestError."""
    return call_in(OPENAI_TRANSLATIONS, _with_files(arguments, "file"))


def image_edit_call(arguments: Mapping[str, Any]) -> Call:
    """An image edit from keyword arguments; None counts as not given. Raises BadRequestError."""
    return call_in(OPENAI_IMAGE_EDITS, _with_files(arguments, "image", "mask"))


def image_variation_call(arguments: Mapping[str, Any]) -> Call:
    """An image variation from keyword arguments; None counts as not given. Raises BadRequestError."""
    return call_in(OPENAI_IMAGE_VARIATIONS, _with_files(arguments, "image"))


def with_text(answer: Answer | AnswerStream | BytesAnswer) -> Answer | AnswerStream:
    """A transcript as an object with `text`, also where it came as text or subtitles."""
    if not isinstance(answer, BytesAnswer):
        return answer
    return Answer({"text": answer.content.decode(errors="replace")}, answer.headers)


class FileCalls:
    """The calls of the library, for whatever runs them."""

    async def transcription(self: Answers, model: str, file: GivenFile, **parameters: Any) -> Answer | AnswerStream:
        """What is said in an audio file: `text`; with `stream=True` events. Raises NovaError."""
        return with_text(await answered(self, transcription_call({"model": model, "file": file, **parameters})))

    async def translation(self: Answers, model: str, file: GivenFile, **parameters: Any) -> Answer:
        """What is said in an audio file, in English: `text`. Raises NovaError."""
        answer = with_text(await answered(self, translation_call({"model": model, "file": file, **parameters})))
        return whole(answer)

    async def image_edit(
        self: Answers, image: GivenFile | list[GivenFile], prompt: str, model: str, **parameters: Any
    ) -> Answer | AnswerStream:
        """Images made of others as a prompt says: `data`; with `stream=True` events. Raises NovaError."""
        call = image_edit_call({"image": image, "prompt": prompt, "model": model, **parameters})
        return as_asked(await answered(self, call))

    async def image_variation(self: Answers, image: GivenFile, model: str, **parameters: Any) -> Answer:
        """Images like another one: `data`. Raises NovaError."""
        return whole(await answered(self, image_variation_call({"image": image, "model": model, **parameters})))


def _with_files(arguments: Mapping[str, Any], *names: str) -> dict[str, Any]:
    given = dict(arguments)
    for name in names:
        value = given.get(name)
        if value is not None:
            given[name] = [as_file(name, each) for each in value] if isinstance(value, list) else as_file(name, value)
    return given
