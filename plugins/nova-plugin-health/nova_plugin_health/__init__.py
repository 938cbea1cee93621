"""Checks deployments in the background (`general_settings.background_health_checks: true`), and routes around the ill.

Every `health_check_interval` seconds each deployment is asked the smallest thing of its operation, at most
`health_check_concurrency` at a time; `/health` and `nova_deployment_ill` in `/metrics` tell what was found. In
`model_info`, `disable_background_health_check` leaves a deployment alone, `health_check_model` names what a pattern is
asked for, and `health_check_timeout` and `health_check_max_tokens` bound a check.
`background_health_check_model_groups` lists the groups that are checked. Workers and replicas that share state check
once for all of them.

With `enable_health_check_routing`, deployments that were found ill are left out, for
`health_check_staleness_threshold` seconds after their check (twice the interval). If all of a group are ill, all are
tried. `health_check_ignore_transient_errors` takes 408 and 429 for no illness.

Canaries guard embeddings: with `model_info.canary`, a fixed set of texts is embedded at every round, and each vector
must have a cosine of 0.999 at least with the pinned one. A deployment that fails is taken out until it passes, even if
it is the last one. `canary: true` pins the first vectors that any deployment of the embedding space gives; a path pins
those in that JSON file (`{"texts": […], "vectors": [[…], …]}`), which is written at the first round if there is none.
"""

from nova_plugin_health.plugin import Health

__all__ = ["Health"]
