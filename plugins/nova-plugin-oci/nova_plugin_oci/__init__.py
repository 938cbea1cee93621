"""Oracle Cloud's generative AI as a provider."""

from nova_plugin_oci.provider import Oci

plugin = Oci()
