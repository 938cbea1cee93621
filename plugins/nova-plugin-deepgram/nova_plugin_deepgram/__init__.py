"""Deepgram: transcripts of recorded audio, and speech."""

from nova_plugin_deepgram.provider import Deepgram

plugin = Deepgram()
