"""A bridge to the providers of an installed any-llm."""

from nova_plugin_bridge_any_llm.provider import AnyLLM

plugin = AnyLLM()
