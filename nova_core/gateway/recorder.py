"""Writes the inputs of decisions to files, from a thread of its own: bounded in memory and on the disk."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from nova_core._version import __version__
from nova_core.gateway.decisions import keep_for_parent
from nova_core.gateway.recording import Line, config_line, recorded
from nova_core.gateway.why import config_version
from nova_core.types.call import CallRecord
from nova_core.types.decision import Generation

logger = logging.getLogger("nova.gateway")

MIB = 1024 * 1024
MOST_WAITING = 10_000
PAUSE_SECONDS = 0.25
FILES = "nova-*.jsonl"
SHARE = 16
"""A file is closed when it holds this share of what the folder may hold."""

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode


class Recorder:
    """A watcher of the gateway. `bodies` keeps texts too; `limit` bounds the bytes of all files of the folder.

    Calls that come faster than they can be written are lost, and counted in the log. Raises OSError when the folder
    cannot be made.
    """

    def __init__(self, folder: Path, *, bodies: bool = False, limit: int = 1024 * MIB) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._bodies = bodies
        self._limit = limit
        self._waiting: deque[CallRecord] = deque()
        self._lost = 0
        self._numbers = itertools.count(1)
        self._file: BinaryIO | None = None
        self._written = 0
        self._generation: Generation | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nova-recorder", daemon=True)
        self._thread.start()

    def finished(self, record: CallRecord) -> None:
        """Take in one call; its children come with it."""
        if record.call.parent is not None:
            keep_for_parent(record)
            return
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
        else:
            self._waiting.append(record)

    def close(self) -> None:
        """Write what is left and close the file."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(PAUSE_SECONDS):
            self._write_waiting()
        self._write_waiting()
        self._end_file()

    def _write_waiting(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            logger.warning("%d calls were not recorded: they came faster than they can be written", lost)
        while self._waiting:
            record = self._waiting.popleft()
            try:
                self._write(record)
            except OSError as error:
                logger.error("call %s is not recorded: %s", record.call.id, error)
                self._end_file()
            except Exception:
                logger.exception("call %s cannot be recorded", record.call.id)
        if self._file is not None:
            self._file.flush()

    def _write(self, record: CallRecord) -> None:
        line = _ENCODE(recorded(record, bodies=self._bodies)) + b"\n"
        if self._file is not None and self._written + len(line) > self._limit // SHARE:
            self._end_file()
        if self._file is None:
            self._begin_file()
        assert self._file is not None
        if record.generation is not self._generation:
            self._generation = generation = record.generation
            known = config_line(generation.catalog, config_version(generation), __version__)
            line = _ENCODE(known) + b"\n" + line
        self._file.write(line)
        self._written += len(line)

    def _begin_file(self) -> None:
        self._make_room()
        now = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        path = self._folder / f"nova-{now}-{os.getpid()}-{next(self._numbers):04d}.jsonl"
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")

    def _end_file(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._file, self._written, self._generation = None, 0, None

    def _make_room(self) -> None:
        """Delete the oldest files, so that the folder is within its limit with one more."""
        found = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.glob(FILES))
        total = sum(size for _, size, _ in found) + self._limit // SHARE
        for _, size, path in found:
            if total <= self._limit:
                return
            path.unlink(missing_ok=True)
            total -= size


def lines_of(folder: Path) -> Iterator[Line]:
    """The lines of all files of a folder, file after file. A line that was cut off at the end of a file is left out.

    Raises OSError, and msgspec.DecodeError for what is no recording.
    """
    decode = msgspec.json.Decoder(Line).decode
    for path in sorted(folder.glob(FILES)):
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield decode(line)
