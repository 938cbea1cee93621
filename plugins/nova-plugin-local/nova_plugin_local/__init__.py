"""Small real models in this process: chat and embeddings without a key or a download.

`local/smollm2-135m-instruct` chats, `local/all-minilm-l6-v2` embeds (384 numbers, texts of up to 256 tokens; longer
ones are refused, or cut with `truncate: true`). `local/all-minilm-l6-v2:retrieval` (also `:text-matching`, `:code`) is
the same model under the name of an adapter, an embedding space of its own: task routing behaves as in front of a server
with real adapters. Models load at their first call, run off the event loop, and are shared by the deployments that name
them.

A deployment may set `model_path` (a GGUF file to chat with, under any name), `context_size`, `default_max_tokens`,
`threads` and `max_waiting`. Usage is what the model's own tokenizer counted. What the model cannot do (tools, images,
`n` above 1, …) is refused by name, or left out and named where the operator drops parameters.
"""

from nova_plugin_local.provider import LocalProvider

__all__ = ["LocalProvider"]
