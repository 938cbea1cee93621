"""Amazon Bedrock as a provider: Converse, every family of models in its own words, embeddings, rerank, and agents."""

from nova_plugin_bedrock.mantle import Mantle
from nova_plugin_bedrock.provider import Bedrock

plugin = Bedrock()
mantle = Mantle()
