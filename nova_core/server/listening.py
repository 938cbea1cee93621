"""Listening sockets: opening them, and closing them so that no connection that was made is reset."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from nova_core.errors import ConfigurationError

BACKLOG = 4096
SO_ATTACH_FILTER = 26
FILTER_STEP = struct.Struct("HBBI")
NO_NEW_ONES = (
    (0x30, 0, 0, 13),  # load the byte of the TCP header that holds its flags
    (0x45, 0, 1, 0x02),  # unless SYN is set, go on one step further down
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # take all of it
)
"""A filter of packets for a socket, in the form of https://docs.kernel.org/networking/filter.html: code, jumps if true
and if false, operand.
"""


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets, one for each address of `host`, all on one port. Raises ConfigurationError."""
    opened: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            if opened and port == 0:
                address = (address[0], opened[0].getsockname()[1], *address[2:])
            opened.append(_listening(family, address))
    except OSError as error:
        if opened:
            return opened  # localhost without IPv6
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return opened


def _listening(family: int, address: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def connect_no_more(sockets: Iterable[socket.socket]) -> None:
    """Have the system overlook attempts to connect from here on; what is connected can still be accepted.

    Without it whatever connects between the last `accept` and the end of the listening is reset, although its peer may
    have sent a request. Peers whose attempts are overlooked try again a second later, and are refused, or find the next
    process. It holds for every process that has the sockets. Linux only: elsewhere it does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    steps = ctypes.create_string_buffer(b"".join(FILTER_STEP.pack(*step) for step in NO_NEW_ONES))
    program = struct.pack("HP", len(NO_NEW_ONES), ctypes.addressof(steps))
    for sock in sockets:
        with suppress(OSError):  # closed, or a system that only resembles Linux
            sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
