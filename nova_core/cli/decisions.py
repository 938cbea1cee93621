"""Prints decision records for people."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

Record = Mapping[str, Any]
"""A decision record as JSON has it; see `nova_core.types.decision.Decision`."""


def print_decision(record: Record) -> None:
    """The whole record, most important first."""
    for line in _lines(record):
        typer.echo(line)


def _lines(record: Record, indent: str = "") -> Iterator[str]:
    yield indent + _title(record)
    yield indent + _outcome(record)
    for group in record.get("groups", ()):
        for line in _group(group):
            yield indent + line
    for attempt in record.get("attempts", ()):
        yield indent + _attempt(attempt)
    for note in record.get("notes", ()):
        why = f"  ({note['why']})" if note.get("why") else ""
        yield f"{indent}note     {note['step']}: {note['what']}{why}"
    if "config" in record:
        plugins = ", ".join(f"{name} {version}" for name, version in record.get("plugins", {}).items())
        yield f"{indent}config   {record['config']}, nova {record.get('nova', '')}{', ' if plugins else ''}{plugins}"
    for child in record.get("children", ()):
        yield f"{indent}part"
        yield from _lines(child, indent + "  ")


def _title(record: Record) -> str:
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record["created"]))
    told = [f"call     {record['id']}", when, record.get("route") or record["operation"], f"by {record['caller']}"]
    if record.get("tags"):
        told.append(f"tags {', '.join(record['tags'])}")
    return "  ".join(told)


def _outcome(record: Record) -> str:
    told = [f"model    {record['model']}"]
    if record.get("deployment"):
        told.append(f"-> {record['deployment']}")
    for name in ("task", "space", "cache"):
        if record.get(name):
            told.append(f"{name} {record[name]}")
    if record.get("status") is not None:
        told.append(
            f"status {record['status']} in {record['seconds']:.3f} s ({record['upstream_seconds']:.3f} upstream)"
        )
    if record.get("cost"):
        told.append(f"${record['cost']}")
    if record.get("failure"):
        told.append(f"refused: {failed(record['failure'])}")
    return "  ".join(told)


def _group(group: Record) -> Iterator[str]:
    yield f"group    {group['group']}: {', '.join(map(_candidate, group['candidates']))}"
    for removal in group.get("removed", ()):
        yield f"  without {removal['id']}, by {removal['by']}: {removal['why']}"
    for step, scores in group.get("scores", {}).items():
        yield f"  {step}: {', '.join(f'{id} {score:g}' for id, score in scores.items())}"
    if group.get("order"):
        yield f"  order  {ordered(group['order'])}"
    if group.get("failure"):
        yield f"  nobody: {failed(group['failure'])}"


def _candidate(candidate: Record) -> str:
    return f"{candidate['id']} ({candidate['provider']}/{candidate['model']})"


def ordered(levels: Sequence[Sequence[str]]) -> str:
    """Levels of deployments: `a > b, then c`."""
    return ", then ".join(" > ".join(level) for level in levels)


def failed(failure: Record) -> str:
    """An error in a line."""
    return f"{failure['status']} {failure['code']}: {failure['message']}"


def _attempt(attempt: Record) -> str:
    said = failed(attempt["failure"]) if attempt.get("failure") else "answered"
    begin = f"attempt  {attempt['number']}  {attempt['deployment']}  at {attempt['after']:.3f} s"
    return f"{begin}, {attempt['seconds']:.3f} s: {said}"
