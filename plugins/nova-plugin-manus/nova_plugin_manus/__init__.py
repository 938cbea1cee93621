"""Manus: agents that work on tasks."""

from nova_plugin_manus.provider import Manus

plugin = Manus()
