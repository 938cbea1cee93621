"""Azure Speech as a provider."""

from nova_plugin_azure_speech.provider import AzureSpeech

plugin = AzureSpeech()
