"""Routes by tags, and by wildcard model names.

Wildcards always work: a `model_name` such as `vendor/*` serves every name that it matches, whole, and what its `*`
took goes into the `*` of the deployment's `model`. Of several patterns the most specific one serves.

Tags choose deployments when `router_settings.enable_tag_filtering` is true, or `model_info.enable_tag_filtering` of a
deployment in the group. Tags come from `tags` or `metadata.tags` in the body, else the header `x-nova-tags: a,b`, and
from the caller's key:

* `eu`: a deployment that shares any tag (`tag_filtering_match_any: false`: that has all of them);
* `!eu`: none that has it; `&eu`: only those that have it;
* no tags: the deployments tagged `default`; where none is, all;
* a tag that no deployment has: those tagged `default`; where none is, 400 listing the tags there are (401 under
  `compat.tag_error_401`). The same when the tags exist and no deployment fits them together.

`tag_regex` of a deployment (patterns searched in `User-Agent: …`) is asked where tags decide nothing else;
`tag_routing_prefix` is stripped from tags that have it and says that they are meant for routing;
`model_info.allow_fail_open` lets constraints that leave nothing fall back to `default`, never those of the key.
Where a task has selected the deployments (`call.selected_by_task`), tags choose among those and are ignored, with a
note, if they fit none.
"""

from nova_plugin_router_tags.plugin import RouterTags

__all__ = ["RouterTags"]
