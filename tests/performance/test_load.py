"""The load generator tells a good answer from one that is mixed, lost or cut; the benchmarks rest on that."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.binaries import compiled
from benchmarks.processes import Launch, free_port, running
from benchmarks.rows import ROWS

TOOLS = ("cc", "taskset")
pytestmark = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="a C compiler and taskset are needed")
BY_NAME = {row.name: row for row in ROWS}
REPLY = b'{"choices":[{"message":{"content":"%b"}}]}'


@pytest.fixture
def body(tmp_path: Path) -> Callable[[str], Path]:
    def written(row: str) -> Path:
        path = tmp_path / row
        path.write_bytes(BY_NAME[row].body("up"))
        return path

    return written


@contextmanager
def upstream(folder: Path):
    port = free_port()
    with running(Launch([str(compiled().upstream), str(port)], ready="/health"), port, folder / "log", (0,)):
        yield port


def command(port: int, body: Path, *options: str) -> list[str]:
    return [
        str(compiled().load),
        "--port",
        str(port),
        "--body",
        str(body),
        "--warmup",
        "0",
        "--seconds",
        "0.3",
        *options,
    ]


def load(port: int, body: Path, *options: str) -> dict[str, float]:
    done = subprocess.run(command(port, body, *options), capture_output=True, text=True, timeout=20, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def failures(report: dict[str, float]) -> dict[str, float]:
    return {kind: report[kind] for kind in ("bad_status", "mixed", "lost", "cut", "refused") if report[kind]}


def test_whole_answers_and_streams_of_the_upstream_are_found_good(body, tmp_path):
    with upstream(tmp_path) as port:
        whole = load(port, body("check"), "--check", "--connections", "8")
        stream = load(port, body("check-stream"), "--check", "--chunks", "100", "--connections", "8")
    assert (failures(whole), failures(stream)) == ({}, {})
    assert whole["answers"] > 100
    assert stream["events"] > stream["answers"] * 100 > 0


def test_an_open_loop_makes_the_requests_it_was_told_to(body, tmp_path):
    with upstream(tmp_path) as port:
        report = load(port, body("small"), "--rate", "500", "--seconds", "1")
    assert failures(report) == {}
    assert 450 <= report["answers"] <= 510
    assert 0 < report["p50"] <= report["p99"] <= report["max"]


async def served(body: Path, answer: Callable[[bytes], bytes], *options: str) -> dict[str, float]:
    """What the load generator says of a server that answers a request's token like this; empty: it hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                asked = await reader.readexactly(length)
                token = asked.partition(b"[[")[2][:16]
                said = answer(token)
                writer.write(said)
                if not said.endswith(b"}"):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *command(port, body, "--check", "--connections", "2", *options), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(), 20)
    server.close()
    return json.loads(said.splitlines()[-1])


def reply(content: bytes) -> bytes:
    body = REPLY % content
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def test_the_answer_to_another_request_is_mixed(body):
    report = await served(body("check"), lambda token: reply(b"[[0123456789abcdef:00000]]"))
    assert report["mixed"] == report["answers"] > 0


async def test_an_answer_without_its_second_half_is_lost(body):
    report = await served(body("check"), lambda token: reply(b"[[%b:00000]]" % token))
    assert report["lost"] == report["answers"] > 0


async def test_a_connection_that_ends_within_an_answer_is_cut(body):
    report = await served(body("check"), lambda token: reply(b"[[%b:00000]]" % token)[:-5])
    assert report["cut"] > 0
    assert report["answers"] == 0
