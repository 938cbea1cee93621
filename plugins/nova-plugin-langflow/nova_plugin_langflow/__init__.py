"""Flows of a Langflow server as a provider."""

from nova_plugin_langflow.provider import Langflow

plugin = Langflow()
