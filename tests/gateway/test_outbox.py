"""Writes of one round of the event loop are made together, in order, and none for another."""

from __future__ import annotations

import asyncio

from nova_core.gateway.http1.outbox import Outbox


class Socket(asyncio.Transport):
    """A transport that notes what is written, and may be closed or broken."""

    def __init__(self, written: list[bytes], *, broken: bool = False) -> None:
        super().__init__()
        self.written = written
        self.broken = broken
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.broken:
            raise OSError("gone")
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


async def test_what_is_put_in_one_round_is_written_at_its_end_in_order() -> None:
    written: list[bytes] = []
    outbox, one, other = Outbox(), Socket(written), Socket(written)
    outbox.put(one, b"1")
    outbox.put(other, b"2")
    outbox.put(one, b"3")
    assert written == []
    await asyncio.sleep(0)
    assert written == [b"1", b"2", b"3"]
    outbox.put(other, b"4")
    await asyncio.sleep(0)
    assert written[3:] == [b"4"]


async def test_what_is_flushed_is_written_once() -> None:
    written: list[bytes] = []
    outbox, one = Outbox(), Socket(written)
    outbox.put(one, b"1")
    outbox.flush()
    assert written == [b"1"]
    await asyncio.sleep(0)
    assert written == [b"1"]


async def test_a_socket_that_is_closed_or_broken_is_no_matter_to_the_others() -> None:
    written: list[bytes] = []
    outbox, closed, broken, last = Outbox(), Socket(written), Socket(written, broken=True), Socket(written)
    for each in (closed, broken, last):
        outbox.put(each, b"x")
    closed.abort()
    await asyncio.sleep(0)
    assert (written, broken.closed, last.closed) == ([b"x"], True, False)
