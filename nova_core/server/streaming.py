"""Writes a streamed answer: what came together goes out together, and every layer is closed."""

from __future__ import annotations

from nova_core.gateway.relay import CallerStream
from nova_core.server.body import Send
from nova_core.server.headers import RawHeaders


async def send_stream(stream: CallerStream, headers: RawHeaders, send: Send) -> None:
    """Write the stream to its end; closed on every exit, also when the writer is cancelled.

    One that is cut is left without an end: the server then closes the connection, and the caller sees that.
    `send` waits while the caller is behind, and meanwhile nothing more is taken from the upstream.
    """
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for piece in stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not stream.cut:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        await stream.aclose()
