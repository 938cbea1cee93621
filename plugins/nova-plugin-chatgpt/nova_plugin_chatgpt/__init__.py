"""A ChatGPT subscription as a provider."""

from nova_plugin_chatgpt.provider import Chatgpt

plugin = Chatgpt()
