"""ElevenLabs: speech, and transcripts."""

from nova_plugin_elevenlabs.provider import ElevenLabs

plugin = ElevenLabs()
