"""A gateway that runs elsewhere, called over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from nova_core.cli.failures import CommandError
from nova_core.cli.listing import ModelRow
from nova_core.cli.target import Body
from nova_core.errors import NovaError, StreamBrokenError, error_class_for
from nova_core.gateway.objects import Answer
from nova_core.gateway.options import HEADER_PREFIXES
from nova_core.wire.sse import SseParser

PROBE_SECONDS = 0.5
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 600.0
LONGEST_TEXT = 300


class Remote:
    """Calls go to a running gateway at `url`, with `key` if it wants one."""

    def __init__(self, url: str, key: str | None) -> None:
        self.label = url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._open: aiohttp.ClientSession | None = None

    async def answers(self) -> bool:
        """Whether something that is alive listens there."""
        quickly = aiohttp.ClientTimeout(total=PROBE_SECONDS)
        try:
            async with self._session().get(f"{self.label}/health/liveliness", timeout=quickly) as reply:
                return reply.status == 200
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False

    async def models(self) -> Sequence[ModelRow]:
        async with self._request("GET", "/v1/models") as reply:
            listed = _decoded(await reply.read()).get("data") or []
        return [_row(card) for card in listed]

    async def chat(self, body: Body) -> Answer:
        return await self._answer("/v1/chat/completions", body)

    async def embed(self, body: Body) -> Answer:
        return await self._answer("/v1/embeddings", body)

    async def stream(self, body: Body) -> AsyncGenerator[Answer, None]:
        parser, done = SseParser(), False
        async with self._request("POST", "/v1/chat/completions", {**body, "stream": True}) as reply:
            async for data in reply.content.iter_any():
                for frame in parser.feed(data):
                    done = done or frame.data == b"[DONE]"
                    if not done:
                        chunk = _decoded(frame.data)
                        if "error" in chunk:
                            raise StreamBrokenError(_said(chunk, "the stream broke"))
                        yield Answer(chunk)
        if not done:
            raise StreamBrokenError(f"{self.label} ended the stream before its end")

    async def aclose(self) -> None:
        if self._open is not None:
            await self._open.close()

    async def document(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """What the gateway answers to one request, a JSON object."""
        async with self._request(method, path, raw=body, headers=headers) as reply:
            return _decoded(await reply.read())

    async def _answer(self, path: str, body: Body) -> Answer:
        async with self._request("POST", path, body) as reply:
            return Answer(_decoded(await reply.read()), _own_headers(reply.headers))

    @contextlib.asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        answered = False
        try:
            async with self._session().request(
                method, self.label + path, json=body, data=raw, headers=headers
            ) as reply:
                answered = True
                if reply.status >= 400:
                    raise _error(reply.status, await reply.read(), self.label)
                yield reply
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            what = "the connection broke to" if answered else "no gateway answers at"
            hint = None if answered else "start one with `nova serve`"
            raise CommandError(f"{what} {self.label}: {str(error) or type(error).__name__}", hint=hint) from error

    def _session(self) -> aiohttp.ClientSession:
        if self._open is None:
            deadlines = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
            self._open = aiohttp.ClientSession(headers=self._headers, timeout=deadlines)
        return self._open


def _row(card: Mapping[str, Any]) -> ModelRow:
    context = card.get("max_input_tokens")
    return ModelRow(
        str(card["id"]),
        card.get("mode"),
        str(card.get("owned_by") or ""),
        context=context if isinstance(context, int) else None,
    )


def _own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The gateway's headers without their prefix, as the library gives them."""
    named = ((name.lower(), value) for name, value in headers.items())
    return {name.removeprefix(p): value for name, value in named for p in HEADER_PREFIXES if name.startswith(p)}


def _error(status: int, body: bytes, label: str) -> NovaError:
    try:
        said = _said(_decoded(body), "")
    except NovaError:
        said = body.decode("utf-8", "replace").strip()[:LONGEST_TEXT]
    hint = "give the gateway's key with --key, or in NOVA_API_KEY" if status == 401 else None
    return error_class_for(status)(f"{label} answered {status}: {said or 'nothing'}", status=status, hint=hint)


def _said(document: Mapping[str, Any], otherwise: str) -> str:
    error = document.get("error")
    message = error.get("message") if isinstance(error, Mapping) else error
    return str(message or document.get("detail") or otherwise)


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(f"the answer is not that of a gateway: {data[:60]!r}") from error
