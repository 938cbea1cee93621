"""The exchanges of one transcription: a file in S3, a job, questions, the transcript, and deleting them again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.message import Reply
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.polled import Pace
from nova_core.wire.tidied import Tidied, document, named

TARGET: Final = "com.amazonaws.transcribe.Transcribe."
STATUS: Final = ("TranscriptionJob", "TranscriptionJobStatus")
ADDRESS: Final = ("TranscriptionJob", "Transcript", "TranscriptFileUri")
WORKING: Final = frozenset({"QUEUED", "IN_PROGRESS"})
DONE: Final = "COMPLETED"
WRONG_FILE: Final = re.compile(r"media|format|sample rate|language|audio", re.IGNORECASE)
"""Words of reasons that speak of the file: the vendor gives no code."""
PACE: Final = Pace(1.0, 1.5, 10.0)
"""Jobs take a good part of a minute at the least."""


class Signer(Protocol):
    """Makes a signed request of a service."""

    def __call__(self, service: str, method: str, url: str, body: bytes, **headers: str) -> UpstreamRequest:
        """The request; names of `headers` have `_` for `-`. Raises AuthenticationError."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job is: the address of Transcribe, that of its file in S3, its name, and who signs."""

    api: str
    file: str
    name: str
    sign: Signer

    def asked(self, action: str, members: Mapping[str, Any]) -> UpstreamRequest:
        """A request of Transcribe's API."""
        body = msgspec.json.encode({"TranscriptionJobName": self.name, **members})
        headers = {"Content_Type": "application/x-amz-json-1.1", "X_Amz_Target": TARGET + action}
        return self.sign("transcribe", "POST", self.api, body, **headers)

    def deleting_job(self) -> UpstreamRequest:
        """Deletes the job."""
        return self.asked("DeleteTranscriptionJob", {})

    def deleting_file(self) -> UpstreamRequest:
        """Deletes the file."""
        return self.sign("s3", "DELETE", self.file, b"")


def transcribed(exchange: Exchange, place: Place, config: Mapping[str, Any]) -> Exchange:
    """The exchange that puts a file into S3, which leads to the transcript of it."""

    def read(response: UpstreamResponse) -> Exchange:
        kept = Tidied(exchange).keeping(place.deleting_file)
        return kept.asking(place.asked("StartTranscriptionJob", config), partial(_started, kept, place))

    return msgspec.structs.replace(exchange, read=read, frames=None)


def _started(job: Tidied, place: Place, response: UpstreamResponse) -> Exchange:
    return _again(job.keeping(place.deleting_job), place, PACE.first)


def _again(job: Tidied, place: Place, wait: float) -> Exchange:
    longer = min(wait * PACE.growth, PACE.longest)
    return job.asking(place.asked("GetTranscriptionJob", {}), partial(_asked, job, place, longer), wait)


def _asked(job: Tidied, place: Place, wait: float, response: UpstreamResponse) -> Exchange:
    """The next question, or the exchange for the transcript. Raises what the job failed with."""
    state = document(response)
    status = named(state, *STATUS)
    if status in WORKING:
        return _again(job, place, wait)
    if status == DONE:
        return job.asking(UpstreamRequest(named(state, *ADDRESS), "GET"), partial(_told, job))
    reason = state["TranscriptionJob"].get("FailureReason") or f"the job ended as {status}"
    raise (BadRequestError if WRONG_FILE.search(str(reason)) else BadGatewayError)(
        f"the upstream's job failed: {reason}"
    )


def _told(job: Tidied, response: UpstreamResponse) -> Reply | Exchange:
    answer = job.exchange.read(response)
    assert isinstance(answer, Reply)
    assert answer.typed is not None  # read before anything is deleted
    return job.ending(answer)
