"""`transcription("provider/model", …)` and its siblings without a configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_core.gateway.calling import AnswerStream
from nova_core.gateway.file_calling import (
    image_edit_call,
    image_variation_call,
    transcription_call,
    translation_call,
    with_text,
)
from nova_core.gateway.given_files import GivenFile
from nova_core.gateway.library import BridgedStream, Library, SyncStream, shared_library
from nova_core.gateway.objects import Answer


def transcription(model: str, file: GivenFile, **given: Any) -> Answer | SyncStream:
    """What is said in an audio file: `text`, and what else `response_format` asks for.

    `file` is bytes, a `Path`, an open file, or `(name, bytes)`; a path is read while it is sent. `given` are OpenAI's
    parameters and those of `completion` that are not the model's; with `stream=True` an iterator of events. Subtitles
    (`srt`, `vtt`) are in `text`. Raises NovaError.
    """
    library = shared_library()
    return library.answer(_heard(library, model, {"file": file, **given}))


async def atranscription(model: str, file: GivenFile, **given: Any) -> Answer | BridgedStream:
    """`transcription` for async code; with `stream=True` an async iterator of events. Raises NovaError."""
    library = shared_library()
    return await library.bridged(_heard(library, model, {"file": file, **given}))


def translation(model: str, file: GivenFile, **given: Any) -> Answer:
    """What is said in an audio file, in English: `text`. See `transcription`. Raises NovaError."""
    library = shared_library()
    answer = with_text(library.thread.run(library.run(translation_call, model, {"file": file, **given})))
    assert isinstance(answer, Answer)
    return answer


async def atranslation(model: str, file: GivenFile, **given: Any) -> Answer:
    """`translation` for async code. Raises NovaError."""
    library = shared_library()
    answer = with_text(await library.thread.bridge(library.run(translation_call, model, {"file": file, **given})))
    assert isinstance(answer, Answer)
    return answer


def image_edit(image: GivenFile | list[GivenFile], prompt: str, model: str, **given: Any) -> Answer | SyncStream:
    """Images made of one or several others, as a prompt says: `data` with `b64_json` or `url`.

    `mask` is a file, too. With `stream=True` an iterator of events. Raises NovaError.
    """
    library = shared_library()
    asked = {"image": image, "prompt": prompt, **given}
    return library.answer(library.run(image_edit_call, model, asked))


async def aimage_edit(
    image: GivenFile | list[GivenFile], prompt: str, model: str, **given: Any
) -> Answer | BridgedStream:
    """`image_edit` for async code; with `stream=True` an async iterator of events. Raises NovaError."""
    library = shared_library()
    asked = {"image": image, "prompt": prompt, **given}
    return await library.bridged(library.run(image_edit_call, model, asked))


def image_variation(image: GivenFile, model: str, **given: Any) -> Answer:
    """Images like another one: `data` with `b64_json` or `url`. See `transcription` for files. Raises NovaError."""
    library = shared_library()
    answer: Answer = library.thread.run(library.run(image_variation_call, model, {"image": image, **given}))
    return answer


async def aimage_variation(image: GivenFile, model: str, **given: Any) -> Answer:
    """`image_variation` for async code. Raises NovaError."""
    library = shared_library()
    answer: Answer = await library.thread.bridge(library.run(image_variation_call, model, {"image": image, **given}))
    return answer


async def _heard(library: Library, model: str, given: Mapping[str, Any]) -> Answer | AnswerStream:
    return with_text(await library.run(transcription_call, model, given))
