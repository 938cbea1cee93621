"""Black Forest Labs as a provider."""

from nova_plugin_black_forest_labs.provider import BlackForestLabs

plugin = BlackForestLabs()
