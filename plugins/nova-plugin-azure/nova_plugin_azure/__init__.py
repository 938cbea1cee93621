"""Microsoft Azure as a provider."""

from nova_plugin_azure.foundry import Foundry
from nova_plugin_azure.provider import Azure, AzureText
from nova_plugin_azure.tokens import Tokens

_tokens = Tokens()
plugin = Azure(_tokens)
text_completion = AzureText(_tokens)
foundry = Foundry(_tokens)
