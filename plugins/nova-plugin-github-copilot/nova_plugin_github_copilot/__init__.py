"""GitHub Copilot as a provider."""

from nova_plugin_github_copilot.provider import GithubCopilot

plugin = GithubCopilot()
