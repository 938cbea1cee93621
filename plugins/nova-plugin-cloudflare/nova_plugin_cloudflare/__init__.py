"""Cloudflare Workers AI as a provider."""

from nova_plugin_cloudflare.provider import Cloudflare

plugin = Cloudflare()
