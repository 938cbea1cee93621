"""Reads a form (`multipart/form-data`) as it arrives: its fields, and files that may still be coming."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.message import Message as HeaderValue
from typing import Any, Self

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
)

from nova_core.errors import (
    BadRequestError,
    ClientClosedError,
    InternalServerError,
    NovaError,
    PayloadTooLargeError,
    RequestTimeoutError,
)
from nova_core.server.body import Body
from nova_core.server.spool import Spool, Spooled
from nova_core.types.upload import File

logger = logging.getLogger("nova.server")

FORM = "multipart/form-data"
ANY_FILE = "application/octet-stream"
MOST_PARTS = 256
MOST_FIELD = 1024 * 1024
"""Bytes of one field that is no file."""
FIRST = 1024 * 1024
"""How much of a body is waited for before a call may begin with what is there."""


class PartAfterFileError(BadRequestError):
    """A part came although a call has begun with those before it: it must begin again."""


@dataclass(slots=True)
class _Part:
    """The part that is being received: a file, or a field whose text is collected."""

    name: str
    file: Spooled | None
    text: bytearray


class FormReader:
    """Takes one form from a connection, in a task of its own, while the task that entered it works with it.

    `fields` are the names and values in their order. What ends the reading early (the caller leaves, or sends what is
    no form, too much or too slowly) cancels the worker, and `absorb` says why. So does a part that comes although the
    worker has `begun` with those before it: `late` is then true, and the reading goes on.
    """

    def __init__(self, body: Body, headers: Mapping[str, str], *, limit: int, seconds: float) -> None:
        self.fields: list[tuple[str, str | File]] = []
        self.complete = False
        self.begun = False
        self.late = False
        self._failure: NovaError | None = None
        self._body = body
        self._limit = limit
        self._seconds = seconds
        self._parser = _parser(headers.get("content-type", ""))
        self._spool = Spool()
        self._part: _Part | None = None
        self._ended: list[tuple[Spooled, int]] = []
        self._progress = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._worker: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        self._worker = asyncio.current_task()
        self._task = asyncio.get_running_loop().create_task(self._receive(), name="receive a form")
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait((self._task,))
        finally:
            self._spool.close()

    def absorb(self) -> NovaError | None:
        """Why the reading ended, if that was what cancelled the worker; the cancellation is then taken back."""
        failure, self._failure = self._failure, None
        if failure is not None and self._worker is not None:
            self._worker.uncancel()
            self._settle()
        return failure

    async def enough(self, needed: Collection[str]) -> None:
        """Until the form is complete, or the fields `needed` have come and are followed by a lot of a file."""
        while not (self.complete or (self._is_long and {name for name, _ in self.fields}.issuperset(needed))):
            await self._more()

    async def whole(self) -> None:
        """Until the form is complete."""
        while not self.complete:
            await self._more()

    async def _more(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    @property
    def _is_long(self) -> bool:
        in_file = self._part is not None and self._part.file is not None
        return in_file and self._spool.size >= FIRST

    async def _receive(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                async for piece in self._body.pieces(limit=self._limit):
                    if piece:  # an empty one would say to the parser that there are no more
                        await self._take(piece)
            self._parser.close()
            self.complete = True
            self._settle()
            self._progress.set()
            await self._body.departure()
            raise ClientClosedError("the caller left")
        except TimeoutError:
            self._fail(RequestTimeoutError(f"the request body did not arrive within {self._seconds:g} seconds"))
        except NovaError as error:
            self._fail(error)
        except ParserLimitReached as error:
            self._fail(PayloadTooLargeError(f"the form is over a limit: {error}"))
        except MultipartError as error:
            self._fail(BadRequestError(f"the request body is not a valid form: {error}"))
        except OSError as error:
            logger.error("an upload cannot be kept in a temporary file", exc_info=error)
            self._fail(InternalServerError("the gateway has no room for the upload"))

    def _settle(self) -> None:
        """Tell files where they ended, which ends the requests that they are sent with: not while more may come.

        Nor before the worker knows what has come: it is about to break those requests off.
        """
        if self.complete and self._failure is None:
            for file, size in self._ended:
                file.end(size)

    def _fail(self, error: NovaError) -> None:
        self._failure = error
        if self._worker is not None:
            self._worker.cancel(error.message)

    async def _take(self, piece: bytes) -> None:
        for event in self._parser.parse(piece):
            part = self._part
            if isinstance(event, MultipartSegment):
                self._begin(event)
            elif part is None:
                continue
            elif event is None:
                self._end(part)
            elif part.file is not None:
                await self._spool.add(event)
            else:
                part.text += event
                if len(part.text) > MOST_FIELD:
                    raise PayloadTooLargeError(f"the field `{part.name}` is larger than {MOST_FIELD} bytes")
        self._progress.set()

    def _begin(self, segment: MultipartSegment) -> None:
        name = segment.name
        if not name:
            raise BadRequestError("a part of the form has no name")
        if self.begun:
            self.begun, self.late = False, True
            self._fail(PartAfterFileError(f"`{name}` came after a file that is being sent on already", param=name))
        if segment.filename is None and (segment.content_type or "text/plain").startswith("text/plain"):
            self._part = _Part(name, None, bytearray())
            return
        coming = Spooled(self._spool)
        self._part = _Part(name, coming, bytearray())
        self.fields.append((name, File(segment.filename or name, _content_type(segment), coming)))

    def _end(self, part: _Part) -> None:
        self._part = None
        if part.file is not None:
            self._ended.append((part.file, self._spool.size))
            return
        try:
            self.fields.append((part.name, part.text.decode()))
        except UnicodeDecodeError as error:
            raise BadRequestError(f"`{part.name}` is not valid UTF-8", param=part.name) from error


def _content_type(segment: MultipartSegment) -> str:
    return segment.header("Content-Type") or ANY_FILE


def _parser(content_type: str) -> PushMultipartParser:
    """A parser for a body of this type. Raises BadRequestError for one that is no form, or has no boundary."""
    value = HeaderValue()
    value["content-type"] = content_type
    if value.get_content_type() != FORM:
        raise BadRequestError(
            f"send a form (`{FORM}`) with the file; this is '{content_type or 'nothing'}'",
            code="unsupported_content_type",
        )
    boundary = value.get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= 200:
        raise BadRequestError("the header Content-Type names no `boundary` between the parts of the form")
    try:
        return PushMultipartParser(boundary, max_segment_count=MOST_PARTS)
    except MultipartError as error:
        raise BadRequestError(f"the header Content-Type has no valid `boundary`: {error}") from error
