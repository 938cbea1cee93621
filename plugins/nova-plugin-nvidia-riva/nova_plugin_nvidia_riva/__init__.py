"""NVIDIA Riva, over gRPC: transcripts, translations into English, and speech.

`nvidia_riva/…` asks a server of one's own (`api_base: riva.internal:50051`) or a function that NVIDIA hosts
(`nvcf_function_id`). gRPC does not go through the gateway's own connections, so the provider opens channels itself, one
for each address, and closes them at shutdown. A deployment may set `use_ssl`, `ssl_root_cert`, `riva_model_name` and
`riva_mode` (`offline` or `streaming`).
"""

from nova_plugin_nvidia_riva.provider import NvidiaRiva

__all__ = ["NvidiaRiva"]
