"""Calls that belong together go to one deployment (`router_settings.optional_pre_call_checks`, a list of names).

* `session_affinity`: calls of one session, named by `metadata.session_id`, `litellm_session_id` or the header
  `x-nova-session-id`;
* `deployment_affinity`: calls of one key;
* `prompt_caching`: chats whose prompt begins alike, where upstreams may have it cached: with `cache_control` marks up
  to the last mark, else when it is `prompt_cache_min_tokens` long at least (1024; four bytes count as a token);
* `adapter_affinity`: embeddings go where the server reports the adapter as loaded. Its `/metrics` is read every
  `adapter_poll_seconds` (vLLM's `running_lora_adapters`; `model_info.metrics_url` names another address);
* `responses_api_deployment_check`: `previous_response_id` leads back to who keeps the conversation; the gateway sees to
  that in any case, before all of these.

The first of them that knows a deployment decides, in the order of session, key, prefix, adapter. It is a preference:
a deployment that rests, is ill, does not fit, or is of a later `order` is not waited for, and if it fails the others
are tried. Sessions and keys stay for `deployment_affinity_ttl_seconds` after their last call (3600), prefixes for
`prompt_cache_ttl_seconds` (300). `model_group_affinity_config` gives a model group its own list.

Where calls went is shared with other workers and replicas through the gateway's shared state. Only a session or prefix
that this process does not know is looked up there before the call, within the store's budget.
"""

from nova_plugin_router_affinity.plugin import RouterAffinity

__all__ = ["RouterAffinity"]
