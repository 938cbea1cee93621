"""Calls: from a public name to an answer, through plugins, deployments, retries and fallbacks."""
