"""The exchanges of one transcription: upload, job, questions, transcript, and tidying up what the vendor keeps."""

# https://soniox.com/docs/stt/async-API/transcription

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import msgspec

from nova_core.types.message import Reply
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.polled import USUAL
from nova_core.wire.tidied import Tidied, document, named
from nova_core.wire.upstream_errors import classify
from nova_plugin_soniox.transcripts import DURATION

FILES: Final = "/v1/files"
JOBS: Final = "/v1/transcriptions"
DONE: Final = "completed"
FAILED: Final = "error"
STATUS_OF_TYPE: Final[Mapping[str, int]] = {"invalid_audio": 400, "audio_too_long": 413}
"""HTTP statuses of what may be wrong with a file, which is found out when the job runs."""


class Upload(UpstreamRequest, frozen=True, kw_only=True):
    """The upload of a file, with the configuration of the transcription that follows."""

    config: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Upload({self.url!r})"


@dataclass(frozen=True, slots=True)
class Asker:
    """Makes requests to the address of the upload, with its key."""

    upload: UpstreamRequest

    def __call__(self, method: str, path: str, body: Any = None) -> UpstreamRequest:
        """A request for a path, with JSON or without a body."""
        headers = tuple(header for header in self.upload.headers if header[0].lower() != "content-type")
        url = self.upload.url.removesuffix(FILES) + path
        if body is None:
            return UpstreamRequest(url, method, headers)
        return UpstreamRequest(url, method, (*headers, ("Content-Type", "application/json")), msgspec.json.encode(body))


def transcribed(exchange: Exchange, config: Mapping[str, Any]) -> Exchange:
    """The exchange of an upload, which leads to the transcript of what was uploaded."""
    asker = Asker(exchange.request)

    def read(response: UpstreamResponse) -> Exchange:
        file = named(document(response), "id")
        kept = Tidied(exchange).keeping(partial(asker, "DELETE", f"{FILES}/{quote(file, safe='')}"))
        return kept.asking(asker("POST", JOBS, {**config, "file_id": file}), partial(_created, kept, asker))

    return msgspec.structs.replace(exchange, read=read, frames=None)


def _created(job: Tidied, asker: Asker, response: UpstreamResponse) -> Exchange:
    path = f"{JOBS}/{quote(named(document(response), 'id'), safe='')}"
    kept = job.keeping(partial(asker, "DELETE", path))
    return kept.asking(asker("GET", path), partial(_asked, kept, asker, path, USUAL.first), USUAL.first)


def _asked(job: Tidied, asker: Asker, path: str, wait: float, response: UpstreamResponse) -> Exchange:
    """The next question, or the one for the transcript. Raises what the job failed with."""
    state = document(response)
    status = named(state, "status")
    if status == DONE:
        return job.asking(asker("GET", f"{path}/transcript"), partial(_told, job, state.get(DURATION)))
    if status == FAILED:
        kind, message = state.get("error_type"), state.get("error_message")
        said = str(message or kind or "the upstream could not transcribe the file, and does not say why")
        raise classify(STATUS_OF_TYPE.get(str(kind), 500), said, str(kind) if kind else None)
    longer = min(wait * USUAL.growth, USUAL.longest)
    return job.asking(asker("GET", path), partial(_asked, job, asker, path, longer), longer)


def _told(job: Tidied, duration: Any, response: UpstreamResponse) -> Reply | Exchange:
    whole = msgspec.json.encode({**document(response), DURATION: duration})
    answer = job.exchange.read(UpstreamResponse(response.status, response.headers, whole))
    assert isinstance(answer, Reply)
    assert answer.typed is not None  # read before anything is deleted
    return job.ending(answer)
