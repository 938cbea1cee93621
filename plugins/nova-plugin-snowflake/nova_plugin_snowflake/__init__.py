"""Snowflake Cortex as a provider."""

from nova_plugin_snowflake.provider import Snowflake

plugin = Snowflake()
