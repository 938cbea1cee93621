"""NLP Cloud as a provider."""

from nova_plugin_nlp_cloud.provider import NlpCloud

plugin = NlpCloud()
