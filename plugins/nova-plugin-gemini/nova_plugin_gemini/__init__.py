"""Google AI Studio as a provider: the Gemini API."""

from nova_plugin_gemini.provider import Gemini

plugin = Gemini()
