"""Nova's own servers as a provider: chat, vision and embeddings."""

from nova_plugin_remodlai.provider import Remodlai

plugin = Remodlai()
