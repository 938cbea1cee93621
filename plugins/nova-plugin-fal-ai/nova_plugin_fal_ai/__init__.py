"""fal as a provider."""

from nova_plugin_fal_ai.provider import Fal

plugin = Fal()
