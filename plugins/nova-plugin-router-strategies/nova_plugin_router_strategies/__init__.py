"""Who of several deployments is asked first (`router_settings.routing_strategy`, `routing_strategy_args`).

* `least-busy`: the fewest calls running; a stream runs until it ends;
* `usage-based-routing` (also `-v2`): the most room under `rpm` and `tpm` in the current minute, or the fewest tokens
  used where a candidate has no limit; who is full comes last;
* `latency-based-routing`: of two candidates at random the faster one, by its latest answers (peak-EWMA) and what it
  runs now. Of streams the time to the first chunk counts, of whole answers the time per completion token. With
  `lowest_latency_buffer` at random among all that are that much slower than the fastest, at most;
* `cost-based-routing`: the cheapest; an unknown price comes last;
* `priority`: by `model_priorities` of a routing group, at random between equals.

The names without `-routing` mean the same. Lower `order` levels go first in any case, a strategy decides inside each.
`routing_groups` gives model groups a strategy of their own, and may be called by `group_name`: then all deployments of
its models are candidates. A request may name another strategy (`routing_strategy`).

What is counted here is shared with other workers and replicas where `router_settings.redis_*` is set, or where one
machine has several workers: told in the background, and looked up at most every 0.2 s, never while a call waits.
"""

from nova_plugin_router_strategies.plugin import RouterStrategies

__all__ = ["RouterStrategies"]
