"""OpenAI as a provider: chat, completions and embeddings."""

from nova_plugin_openai.provider import OpenAI, TextCompletionOpenAI

plugin = OpenAI()
text_completion = TextCompletionOpenAI()
