"""Listening sockets at the end of a process."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from nova_core.server.listening import connect_no_more, listen

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no such filter")


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    (sock,) = listen(request.param, 0)
    with sock:
        yield sock


def test_what_is_connected_is_accepted_and_nothing_connects_any_more(listener: socket.socket) -> None:
    address = listener.getsockname()
    with closing(socket.create_connection(address[:2])) as early:
        connect_no_more([listener])
        with pytest.raises(TimeoutError):
            socket.create_connection(address[:2], timeout=0.2)
        early.sendall(b"request")
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(100) == b"request"
            accepted.sendall(b"answer")
            assert early.recv(100) == b"answer"
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_who_tries_again_is_refused_once_the_socket_is_closed(listener: socket.socket) -> None:
    address = listener.getsockname()
    connect_no_more([listener])
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address[:2], timeout=5)


def test_closed_sockets_are_left_alone(listener: socket.socket) -> None:
    listener.close()
    connect_no_more([listener])
    assert listener.fileno() == -1
