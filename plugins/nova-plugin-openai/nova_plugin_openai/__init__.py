"""OpenAI as a provider: chat, completions, embeddings, moderation, images and audio."""

from nova_plugin_openai.provider import OpenAI, TextCompletionOpenAI

plugin = OpenAI()
text_completion = TextCompletionOpenAI()
