"""Databricks as a provider."""

from nova_plugin_databricks.provider import Databricks

plugin = Databricks()
