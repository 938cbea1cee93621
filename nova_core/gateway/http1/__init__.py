"""Our own HTTP/1.1 client: a connection pool on asyncio, heads and chunks parsed by llhttp."""

from nova_core.gateway.http1.transport import Http1Transport, Sent

__all__ = ["Http1Transport", "Sent"]
