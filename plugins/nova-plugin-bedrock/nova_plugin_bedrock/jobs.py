"""Embeddings by jobs: started, asked about until they are done, and read from where they were put in S3."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_StartAsyncInvoke.html and …GetAsyncInvoke.html

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError, NovaError
from nova_core.types.message import Reply
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.body import NOT_JSON
from nova_core.wire.polled import Pace
from nova_core.wire.tidied import document, named
from nova_core.wire.upstream_errors import excerpt, redacted

WORKING: Final = "InProgress"
DONE: Final = "Completed"
WRONG_INPUT: Final = re.compile(r"invalid|unsupported|validation|must be|too (long|short|large)", re.IGNORECASE)
"""Words of reasons that speak of what was to be embedded: the service gives no code."""
PACE: Final = Pace(1.0, 1.5, 10.0)
RESULT: Final = "output.json"
MANIFEST: Final = "segmented-embedding-result.json"
"""What lists the files of a result that has several."""
SUCCESS: Final = "SUCCESS"

Ask = Callable[[str, str], UpstreamRequest]
"""Makes a signed request of a service (`bedrock`, `s3`) for an address."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the exchanges of a job have in common.

    `starts` is the exchange that starts it and reads its result; `api` is where jobs are asked about, `store` where S3
    is, and `output` the place there in which each job has a folder.
    """

    starts: Exchange
    api: str
    store: str
    output: str
    ask: Ask

    def asking(
        self, request: UpstreamRequest, read: Callable[[UpstreamResponse], Reply | Exchange], wait: float = 0.0
    ) -> Exchange:
        """A further exchange."""
        return msgspec.structs.replace(self.starts, request=request, read=read, wait=wait)

    def reading(self, file: str, read: Callable[[UpstreamResponse], Reply | Exchange]) -> Exchange:
        """The exchange that reads a file, `s3://…`. Raises BadGatewayError for one that is not of this place."""
        if not file.startswith(f"{self.output}/") or "/../" in file:
            raise BadGatewayError("the upstream's job put its result where it was not told to")
        address = f"{self.store}/{quote(file.removeprefix('s3://'), safe='/-_.~')}"
        exchange = self.asking(self.ask("s3", address), read)
        return msgspec.structs.replace(exchange, read_error=_unread)


def embedded(job: Job, *, manifest: bool) -> Exchange:
    """The exchange that starts the job, which leads to its vectors; `manifest` says that these are in several files."""

    def started(response: UpstreamResponse) -> Exchange:
        arn = named(document(response), "invocationArn")
        request = partial(job.ask, "bedrock", f"{job.api}/{quote(arn, safe='')}")
        folder = f"{job.output}/{arn.rpartition('/')[2]}"
        found = partial(_listed, job) if manifest else job.starts.read
        result = partial(job.reading, f"{folder}/{MANIFEST if manifest else RESULT}", found)
        return _again(job, request, result, PACE.first)

    return msgspec.structs.replace(job.starts, read=started)


def _again(job: Job, request: Callable[[], UpstreamRequest], result: Callable[[], Exchange], wait: float) -> Exchange:
    longer = min(wait * PACE.growth, PACE.longest)

    def asked(response: UpstreamResponse) -> Exchange:
        state = document(response)
        status = named(state, "status")
        if status == WORKING:
            return _again(job, request, result, longer)
        if status == DONE:
            return result()
        raise _failure(state.get("failureMessage") or f"it ended as {status}")

    return job.asking(request(), asked, wait)


def _listed(job: Job, response: UpstreamResponse) -> Reply | Exchange:
    """The first of the files that are listed. Raises what any of them failed with."""
    results = document(response).get("embeddingResults")
    if not isinstance(results, list) or not results:
        raise BadGatewayError("the upstream's job made no vectors")
    for each in results:
        _check(each)
    files = [(named(each, "outputFileUri"), each.get("embeddingType")) for each in results]
    return _next(job, files, [])


def _next(job: Job, files: list[tuple[str, Any]], read: list[dict[str, Any]]) -> Reply | Exchange:
    """The next file, or the reply with all lines of all of them."""
    if not files:
        return job.starts.read(UpstreamResponse(200, {}, msgspec.json.encode({"data": read})))
    (file, kind), *rest = files

    def lines(response: UpstreamResponse) -> Reply | Exchange:
        return _next(job, rest, [*read, *_segments(response.body, kind)])

    return job.reading(file, lines)


def _segments(body: bytes, kind: Any) -> Iterator[dict[str, Any]]:
    """The segments that a file has one a line, with what they are segments of."""
    for line in body.splitlines():
        if not line.strip():
            continue
        try:
            segment = msgspec.json.decode(line, type=dict[str, Any])
        except NOT_JSON as error:
            raise BadGatewayError("the upstream's job made a file that cannot be read") from error
        _check(segment)
        beside = segment.get("segmentMetadata")
        yield {"embedding": segment.get("embedding"), "embeddingType": kind, **(beside if beside else {})}


def _check(result: Any) -> None:
    """Raises what a file, or a segment, failed with."""
    status = result.get("status") if isinstance(result, Mapping) else None
    if status != SUCCESS:
        said = result.get("message") or result.get("failureReason") if isinstance(result, Mapping) else None
        raise _failure(said or f"it ended as {status}")


def _failure(reason: Any) -> NovaError:
    kind = BadRequestError if WRONG_INPUT.search(str(reason)) else BadGatewayError
    return kind(f"the upstream's job failed: {redacted(str(reason))}")


def _unread(response: UpstreamResponse) -> NovaError:
    return BadGatewayError(f"S3 answered {response.status} for the job's result: {excerpt(response)}")
