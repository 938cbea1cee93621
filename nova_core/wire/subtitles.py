"""Transcripts as subtitles: SubRip (`srt`) and WebVTT (`vtt`)."""

# Source: W3C WebVTT; SubRip as OpenAI's transcriptions write it.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nova_core.types.audio import TranscriptionReply

LONGEST_LINE = 80
"""Characters of a cue that is made of single words."""
LONGEST_CUE = 7.0
"""Seconds of such a cue."""
Cue = tuple[float, float, str]


def srt(reply: TranscriptionReply) -> str:
    """SubRip: numbered cues, milliseconds after a comma."""
    blocks = (
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{text}\n"
        for number, (start, end, text) in enumerate(cues(reply), 1)
    )
    return "\n".join(blocks)


def vtt(reply: TranscriptionReply) -> str:
    """WebVTT, hours always written."""
    blocks = (f"{_clock(start, '.')} --> {_clock(end, '.')}\n{text}\n" for start, end, text in cues(reply))
    return "\n".join(("WEBVTT\n", *blocks))


def cues(reply: TranscriptionReply) -> list[Cue]:
    """Segments as they are, else lines of words, else the whole text as one cue."""
    found = list(_timed(reply.segments or (), "text")) or list(_lines(reply.words or ()))
    if not found and reply.text:
        found = [(0.0, reply.duration or 0.0, reply.text.strip())]
    return found


def _lines(words: Sequence[Any]) -> Iterator[Cue]:
    line: list[Cue] = []
    for word in _timed(words, "word"):
        length = sum(len(text) + 1 for _, _, text in line)
        if line and (length + len(word[2]) > LONGEST_LINE or word[1] - line[0][0] > LONGEST_CUE):
            yield _joined(line)
            line = []
        line.append(word)
    if line:
        yield _joined(line)


def _joined(line: list[Cue]) -> Cue:
    return line[0][0], line[-1][1], " ".join(text for _, _, text in line)


def _timed(items: Sequence[Any], name: str) -> Iterator[Cue]:
    for item in items:
        start, end, text = item.get("start"), item.get("end"), item.get(name)
        if isinstance(start, int | float) and isinstance(end, int | float) and isinstance(text, str):
            # An empty line would end the cue, and an arrow would be read as times.
            lines = [line.strip().replace("-->", "->") for line in text.splitlines()]
            yield float(start), float(end), "\n".join(line for line in lines if line)


def _clock(seconds: float, point: str) -> str:
    whole, thousandths = divmod(round(max(0.0, seconds) * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{thousandths:03}"
