"""Amazon Polly as a provider."""

from nova_plugin_aws_polly.provider import Polly

plugin = Polly()
