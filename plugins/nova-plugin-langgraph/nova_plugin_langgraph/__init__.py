"""Agents behind a LangGraph server as a provider."""

from nova_plugin_langgraph.provider import LangGraph

plugin = LangGraph()
