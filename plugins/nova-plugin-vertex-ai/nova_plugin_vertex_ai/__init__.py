"""Google Vertex AI as a provider."""

from nova_plugin_vertex_ai.provider import VertexAI

plugin = VertexAI()
