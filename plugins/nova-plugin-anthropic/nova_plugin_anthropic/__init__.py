"""Anthropic as a provider: the Messages API."""

from nova_plugin_anthropic.provider import Anthropic

plugin = Anthropic()
