"""Caches replies in the memory of the process: `nova_settings.cache: true` (`cache_params.type: memory` or `local`).

The key covers the model group, everything in the body that shapes the answer (in any order), tags, guardrails, the
namespace, and nothing of the credential: callers with different keys share answers, as they would share the model, and
a caller never gets the answer of a model that its key may not call. `cache_params.scope: principal` keeps the
answers of each key apart. Calls that bring their own credentials, addresses or `mock_response` are never cached.
`plugins: auto` alone does not switch it on, and `cache: false` switches it off.

`cache_params`: `ttl` (600 s), `namespace`, `mode` (`default_off`: only calls with `cache: {use-cache: true}`),
`supported_call_types`, `max_messages` (longer conversations are not cached), `max_items` (1000), `max_bytes` (64 MiB),
`max_item_bytes` (1 MiB). In a call, `cache: {…}`: `no-cache` does not read, `no-store` does not write, `ttl` keeps for
so many seconds, `s-maxage` takes only younger answers, `namespace`, `use-cache`.

A hit has the header `x-nova-cache-key`, costs nothing and counts no tokens; the usage in its body is that of the call
that was answered. A hit for a call that asks for a stream is streamed. Streamed answers are not stored: reading them
would decode every stream. Failed and empty answers, and those of a fallback, are not stored either.
"""

from nova_plugin_cache_memory.plugin import MemoryCache

__all__ = ["MemoryCache"]
