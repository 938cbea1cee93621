"""Shares what routing knows between workers and replicas through Redis: `router_settings.redis_host` or `redis_url`.

Deployment limits, what runs, usage, cooldowns and affinity are kept by atomic scripts (Redis 6.2 or later, Valkey)
under keys that begin with `{nova}`, all in one slot of a cluster. Every exchange has a deadline; when Redis is out of
reach each process goes on with what it knows itself, says so once in the log, and returns when Redis answers in time.
Values by key, such as the answers of the Responses API that are kept for callers, are under `nova:kept:`.

`router_settings`: `redis_url` (`redis://`, `rediss://`, `unix://`), or `redis_host`, `redis_port`, `redis_db`,
`redis_username`, `redis_password`, `redis_ssl`; what they leave out is taken from `REDIS_PORT`, `REDIS_PASSWORD`, ….
`plugins: {store-redis: {…}}`: `budget` (0.1 s that anybody waits for Redis), `values_budget` (1 s, for kept values),
`namespace` (`nova`), `ssl_ca_certs`; a plugin that is named there needs no `router_settings` when `REDIS_URL` or
`REDIS_HOST` is set.
"""

from nova_plugin_store_redis.plugin import RedisStore

__all__ = ["RedisStore"]
