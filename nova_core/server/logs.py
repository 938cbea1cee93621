"""Log output: text or JSON lines on standard error, written by a thread so that a slow reader stops no call."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import msgspec

from nova_core.config.schema import Settings
from nova_core.server.access_log import FIELDS, FIGURES, Figures

MOST_LINES = 20_000
PAUSE_SECONDS = 0.1
_PLAIN = re.compile(r"(?: [a-z_]+=[!#-&(-Z\\^-~]+)*").fullmatch
"""Pairs without a quote or bracket among them, and no value that is empty."""
_ENCODE = msgspec.json.Encoder(enc_hook=str).encode
LOGGERS = ("nova", "uvicorn.error")
_KINDS = ("%s", "%d", "%.3f", "%.3f", "%d", "%d", "%s")
_TEXT_FIGURES = "".join(f" {name}={kind}" for name, kind in zip(FIGURES, _KINDS, strict=True))
_JSON_FIGURES = ",".join(f'"{n}":"{k}"' if k == "%s" else f'"{n}":{k}' for n, k in zip(FIGURES, _KINDS, strict=True))


class Lines(logging.Formatter, ABC):
    """Formats records, and lines that have no record."""

    def __init__(self) -> None:
        super().__init__()
        self._second = (-1, "")

    @abstractmethod
    def piece(self, fields: Mapping[str, Any]) -> str:
        """These fields as a part of a line."""

    @abstractmethod
    def figures(self, figures: Figures) -> str:
        """These figures as a part of a line; see `access_log.Lines.figures`."""

    @abstractmethod
    def line(self, created: float, name: str, message: str, pieces: Sequence[str]) -> str:
        """One line of level INFO; `created` in Unix seconds."""

    def utc(self, seconds: float) -> str:
        """The time with milliseconds; the text of a second is made once."""
        second = int(seconds)
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        return f"{self._second[1]}.{int((seconds - second) * 1000):03d}Z"


class JsonLines(Lines):
    """One JSON object a line: time (UTC), level, logger, message, then the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _ENCODE(line).decode()

    def piece(self, fields: Mapping[str, Any]) -> str:
        """See `Lines.piece`."""
        return _ENCODE(fields)[1:-1].decode()

    def figures(self, figures: Figures) -> str:
        """See `Lines.figures`."""
        return _JSON_FIGURES % figures

    def line(self, created: float, name: str, message: str, pieces: Sequence[str]) -> str:
        """See `Lines.line`."""
        rest = ",".join(pieces)
        return f'{{"time":"{self.utc(created)}","level":"info","logger":"{name}","message":"{message}",{rest}}}'


class TextLines(Lines):
    """`time LEVEL logger message key=value …`; line breaks in values are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _pairs(getattr(record, FIELDS, {}))
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\n  ")
        text = f"{self.utc(record.created)} {record.levelname:<7} {record.name} {message}{fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text

    def piece(self, fields: Mapping[str, Any]) -> str:
        """See `Lines.piece`."""
        return _pairs(fields)

    def figures(self, figures: Figures) -> str:
        """See `Lines.figures`."""
        return _TEXT_FIGURES % figures

    def line(self, created: float, name: str, message: str, pieces: Sequence[str]) -> str:
        """See `Lines.line`."""
        return f"{self.utc(created)} INFO    {name} {message}{''.join(pieces)}"


class LineWriter(logging.Handler):
    """Gathers lines and writes them from its own thread; over the bound the oldest are lost, and counted."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._form: Lines = TextLines()
        self._stream = stream
        self._lines: deque[str] = deque()
        self._lost = 0
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="nova-log", daemon=True)
        self._thread.start()

    def setFormatter(self, fmt: logging.Formatter | None) -> None:
        """Lines are what `fmt` makes of them. Raises TypeError for one that makes lines of records alone."""
        if not isinstance(fmt, Lines):
            raise TypeError("lines that have no record need a form of their own")
        super().setFormatter(fmt)
        self._form = fmt

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line; warnings and worse are written at once."""
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
            return
        self._bound()
        if record.levelno >= logging.WARNING:
            self._wake.set()

    def piece(self, fields: Mapping[str, Any]) -> str:
        """These fields as a part of a line."""
        return self._form.piece(fields)

    def figures(self, figures: Figures) -> str:
        """These figures as a part of a line."""
        return self._form.figures(figures)

    def line(self, name: str, message: str, created: float, *pieces: str) -> None:
        """Queue a line of level INFO that has no record; `created` in Unix seconds."""
        if self.level <= logging.INFO:
            queued = self._lines
            queued.append(self._form.line(created, name, message, pieces))
            if len(queued) > MOST_LINES:
                self._bound()

    def _bound(self) -> None:
        if len(self._lines) > MOST_LINES:
            self._lines.popleft()
            self._lost += 1

    def flush(self) -> None:
        """Write what has gathered."""
        gathered: list[str] = []
        while self._lines:
            gathered.append(self._lines.popleft())
        if self._lost:
            gathered.append(f"{self._lost} log lines were lost: nobody reads them as fast as they come")
            self._lost = 0
        if gathered:
            self._stream.write("\n".join(gathered) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Write the rest and end the thread."""
        if not self._closed:
            self._closed = True
            self._wake.set()
            self._thread.join(1.0)
        super().close()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(PAUSE_SECONDS)
            self._wake.clear()
            try:
                self.flush()
            except (OSError, ValueError):
                self._lines.clear()  # nobody reads any more; the gateway goes on


def set_up_logging(settings: Settings, *, level: str | None = None, stream: TextIO | None = None) -> LineWriter:
    """Log as the settings (or `level`) say. Whoever calls this closes the handler at the end of the process."""
    log = settings.general.log
    chosen = level or log.level or ("debug" if settings.nova.set_verbose else "info")
    form = log.format or ("json" if settings.nova.json_logs else "text")
    handler = LineWriter(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(chosen.upper())
        logger.propagate = False
    if chosen != "debug":
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return handler


def _pairs(fields: Mapping[str, Any]) -> str:
    """` key=value …`. Values that could be taken for something else are quoted, if there are any."""
    text = "".join([f" {key}={value}" for key, value in fields.items()])
    count = len(fields)
    if text.count(" ") == count and text.count("=") == count and _PLAIN(text) is not None:
        return text
    return "".join([f" {key}={_shown(value)}" for key, value in fields.items()])


def _shown(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    plain = text.isprintable() and not any(mark in text for mark in (" ", '"', "="))
    return text if plain and text else msgspec.json.encode(text).decode()
