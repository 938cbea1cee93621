"""Requests into the bytes of their heads."""

from __future__ import annotations

import re

from nova_core._version import __version__
from nova_core.gateway.http1.target import Target
from nova_core.types.upstream import UpstreamRequest

ORDINARY, HOST, AGENT, ENCODING, AUTHORIZATION, FRAMING = 0, 1, 2, 4, 8, 16
SPECIAL = {
    "host": HOST,
    "user-agent": AGENT,
    "accept-encoding": ENCODING,
    "authorization": AUTHORIZATION,
    "content-length": FRAMING,
    "transfer-encoding": FRAMING,
    "connection": FRAMING,
    "keep-alive": FRAMING,
    "proxy-connection": FRAMING,
    "upgrade": FRAMING,
}
REMEMBERED_NAMES = 500
REMEMBERED_HEADS = 1000
# Methods whose request has a length even when it has no body.
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
CHUNKED = "transfer-encoding: chunked\r\n"
CHUNKED_END = f"\r\n{CHUNKED}\r\n".encode()
"""The end of a head whose body comes in chunks."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = bytes(code for code in range(0x20) if code != 0x09) + b"\x7f"


class RequestHeads:
    """Renders heads. Remembers header names that it has checked, and the heads of headers that come again and again."""

    __slots__ = ("_agent", "_codings", "_kinds", "_made")

    def __init__(self, accepted_codings: str) -> None:
        self._codings = f"accept-encoding: {accepted_codings}\r\n"
        self._agent = f"user-agent: nova-core/{__version__}\r\n"
        self._kinds: dict[str, int] = {}
        self._made: dict[tuple[int, str, bool], tuple[tuple[tuple[str, str], ...], bytes]] = {}

    def head(self, request: UpstreamRequest, target: Target) -> bytes:
        """Like `render`; what is not the length is made once for headers that are the same object."""
        body = request.body
        if not body or not isinstance(body, bytes) or request.method != "POST":
            return self.render(request, target)
        key = (id(request.headers), request.url, request.stream)
        made = self._made.get(key)
        if made is None or made[0] is not request.headers:
            head = self.render(request, target)
            end = head.rindex(b"content-length: ")
            if len(self._made) >= REMEMBERED_HEADS:
                self._made.clear()
            made = self._made[key] = (request.headers, head[:end])
        return b"%bcontent-length: %d\r\n\r\n" % (made[1], len(body))

    def render(self, request: UpstreamRequest, target: Target) -> bytes:
        """Request line and headers, ready for the wire.

        Headers stay in order and as they are spelled. Framing is the connection's business: a length is added,
        and the headers that would contradict it are left out. Raises ValueError for a method or header that
        is none: line breaks and other control characters above all.
        """
        kinds = self._kinds
        seen = 0
        lines = [f"{request.method} {target.path} HTTP/1.1\r\n"]
        for name, value in request.headers:
            kind = kinds.get(name)
            if kind is None:
                kind = self._learn(name)
            if kind:
                if kind == FRAMING:
                    continue
                seen |= kind
            lines.append(f"{name}: {value}\r\n")
        if not seen & HOST:
            lines.insert(1, f"host: {target.host_header}\r\n")
        if not seen & AGENT:
            lines.append(self._agent)
        if not seen & ENCODING:
            lines.append("accept-encoding: identity\r\n" if request.stream else self._codings)
        if target.authorization is not None and not seen & AUTHORIZATION:
            lines.append(f"authorization: {target.authorization}\r\n")
        lines += _framing(request)
        lines.append("\r\n")
        return self._checked("".join(lines).encode("utf-8"), len(lines), request.method)

    def _checked(self, head: bytes, lines: int, method: str) -> bytes:
        """The head, if there are no line breaks but our own and no other control characters."""
        if method not in self._kinds:
            self._learn(method)
        if len(head) - len(head.translate(None, _CONTROLS)) != 2 * lines or head.count(b"\r\n") != lines:
            raise ValueError("a control character in a request's head")
        return head

    def _learn(self, name: str) -> int:
        if not _TOKEN.fullmatch(name) or name == "CONNECT":
            raise ValueError("not a header's name or a method")
        if len(self._kinds) >= REMEMBERED_NAMES:
            self._kinds.clear()
        return self._kinds.setdefault(name, SPECIAL.get(name.lower(), ORDINARY))


def _framing(request: UpstreamRequest) -> tuple[str, ...]:
    """How the end of the body is told: by its length, or by the last chunk where nobody knows that yet."""
    body = request.body
    if not body:
        return ("content-length: 0\r\n",) if request.method in WITH_BODY else ()
    length = len(body) if isinstance(body, bytes) else body.length
    return (CHUNKED,) if length is None else (f"content-length: {length}\r\n",)
