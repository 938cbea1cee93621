"""Hugging Face as a provider."""

from nova_plugin_huggingface.provider import HuggingFace

plugin = HuggingFace()
