"""Anthropic as a provider: the Messages API, and the Text Completions API that came before it."""

from nova_plugin_anthropic.provider import Anthropic
from nova_plugin_anthropic.text_provider import AnthropicText

plugin = Anthropic()
text_completions = AnthropicText()
