"""Amazon Bedrock as a provider: Converse, Claude natively, and embeddings."""

from nova_plugin_bedrock.provider import Bedrock

plugin = Bedrock()
