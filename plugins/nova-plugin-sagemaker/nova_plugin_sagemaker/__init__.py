"""Amazon SageMaker endpoints as a provider."""

from nova_core.wire.sigv4 import Keychain
from nova_plugin_sagemaker.chat import EndpointChat, EndpointNova
from nova_plugin_sagemaker.generation import EndpointText

_keychain = Keychain()
plugin = EndpointText(_keychain)
chat = EndpointChat(_keychain)
nova = EndpointNova(_keychain)
