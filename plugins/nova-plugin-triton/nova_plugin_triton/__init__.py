"""Triton Inference Server as a provider."""

from nova_plugin_triton.provider import Triton

plugin = Triton()
