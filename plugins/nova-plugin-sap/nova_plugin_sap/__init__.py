"""SAP AI Core as a provider."""

from nova_plugin_sap.provider import Sap

plugin = Sap()
