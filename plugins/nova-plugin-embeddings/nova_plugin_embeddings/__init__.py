"""The Nova task router: embeddings routed by task, and never a vector from the wrong space.

Named by `nova_settings.callbacks: [nova_task_router]` (or the dotted path of old files). It acts on embeddings calls to
model groups whose deployments carry task tags (`retrieval`, `retrieval.query`, `text-matching`, `code`, …):

* `task` selects the deployments tagged with it; other tags of the caller choose only among those.
* Items of `input` may be objects with a `task` of their own, which beats the top-level one. A batch whose items need
  different deployments is split, served concurrently as child calls, and merged in order with one usage total. A part
  in which every item has its own task is sent without the top-level one. What needs no split is sent as it came.
* `input_type`, `prompt_name`, `taskType` and `task_type` of other APIs route by the same tasks where `task` is absent.
  They stay in the body, and no `task` is added to it.
* A task that no deployment serves is a 400 with the tasks that are served and the nearest spelling. A call without a
  task is routed by tags alone, with a warning in the log, once a model group.
* `adapter` in the body (or an item) must be that of the deployment that serves it; without a task it selects.
* `dimensions` with `return_multivector` is a 400.
* Replies are checked: one vector an item, all of one width, the width that was asked for, only finite numbers, pooled
  or multivector as asked. They are turned into the `encoding_format` that the caller asked for; where it is that
  already, every byte of a vector passes as the upstream sent it.

Tasks of one's own adapters: `plugins: {nova_task_router: {tasks: [separation]}}`. Without that, a task that equals a
tag of the group is served too, and is left out of the list of tasks that errors show.
"""

from nova_plugin_embeddings.plugin import NovaTaskRouter

__all__ = ["NovaTaskRouter"]
