"""GigaChat as a provider."""

from nova_plugin_gigachat.provider import GigaChat

plugin = GigaChat()
