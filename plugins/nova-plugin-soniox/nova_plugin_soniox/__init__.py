"""Soniox: transcripts of recorded audio."""

from nova_plugin_soniox.provider import Soniox

plugin = Soniox()
