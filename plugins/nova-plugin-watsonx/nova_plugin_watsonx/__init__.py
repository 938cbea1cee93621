"""IBM watsonx.ai as a provider."""

from nova_plugin_watsonx.generation import WatsonxText
from nova_plugin_watsonx.provider import Watsonx

plugin = Watsonx()
text_generation = WatsonxText()
