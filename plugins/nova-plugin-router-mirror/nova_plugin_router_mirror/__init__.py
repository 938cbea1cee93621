"""Copies calls of a deployment to another model group, to compare them (`params.silent_model`, a name or a list).

`params.silent_share` is the share of calls that is copied, 1 unless set. A copy is made when the caller's call is over,
in the background: at most 64 run at a time, and above that copies are left out. It is a call of its own, by `mirror`:
its errors, latency and cost appear in logs and metrics under its own model group and never in the caller's call. It has
no retries and no fallbacks, takes nothing from a cache, and is marked with `metadata.is_silent_experiment` and
`metadata.mirror_of`, the id of the call it copies. Plugins such as guardrails see it as they see any call.

Not copied: calls that went on from a conversation that a provider keeps, what a cache answered, and health checks.
"""

from nova_plugin_router_mirror.plugin import RouterMirror

__all__ = ["RouterMirror"]
