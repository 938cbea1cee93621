"""Agents that speak the Agent2Agent protocol as a provider."""

from nova_plugin_a2a.provider import A2A

plugin = A2A()
