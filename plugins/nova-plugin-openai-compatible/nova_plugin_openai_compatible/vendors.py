"""The table: one row a vendor. A row and a line under `[project.entry-points]` make a provider."""

from __future__ import annotations

import re

from nova_plugin_openai_compatible.row import MAX_TOKENS, Gate, Messages, Vendor

SAMPLED_LOGPROBS = frozenset({"logprobs", "top_logprobs", "logit_bias"})
TOOLS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
OPENAI_ONLY_HINTS = frozenset({"store", "user", "prompt_cache_key", "service_tier", "metadata"})

VENDORS: tuple[Vendor, ...] = (
    Vendor(
        "groq",
        base_url="https://api.groq.com/openai/v1",
        api_key_env=("GROQ_API_KEY",),
        api_base_env=("GROQ_API_BASE",),
        # https://console.groq.com/docs/openai, "Currently unsupported OpenAI features"
        unsupported=SAMPLED_LOGPROBS | {"n"},
        hints=frozenset({"store", "metadata"}),
        messages=Messages(drop=frozenset({"name"})),
    ),
    Vendor(
        "deepseek",
        base_url="https://api.deepseek.com/beta",
        api_key_env=("DEEPSEEK_API_KEY",),
        api_base_env=("DEEPSEEK_API_BASE",),
        renames=MAX_TOKENS,
        unsupported=frozenset({"n", "seed", "logit_bias"}),
        hints=OPENAI_ONLY_HINTS,
        thinking_by_type=True,
        messages=Messages(flat_text=True, blank_reasoning=re.compile(r".*reasoner")),
    ),
    Vendor(
        "together_ai",
        base_url="https://api.together.ai/v1",
        api_key_env=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"),
        api_base_env=("TOGETHER_AI_API_BASE",),
        operations=("chat", "completion", "embedding"),
        renames=MAX_TOKENS,
    ),
    Vendor(
        "fireworks_ai",
        base_url="https://api.fireworks.ai/inference/v1",
        api_key_env=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
        api_base_env=("FIREWORKS_API_BASE",),
        operations=("chat", "embedding"),
        model_prefix="accounts/fireworks/models/",
        renames=MAX_TOKENS,
        values={"tool_choice": {"required": "any"}},
        exclusive=(("thinking", "reasoning_effort"),),
        hints=frozenset({"store"}),
    ),
    Vendor(
        "openrouter",
        base_url="https://openrouter.ai/api/v1",
        api_key_env=("OPENROUTER_API_KEY", "OR_API_KEY"),
        api_base_env=("OPENROUTER_API_BASE",),
        operations=("chat", "embedding"),
        env_headers={"HTTP-Referer": "OR_SITE_URL", "X-Title": "OR_APP_NAME"},
        keeps_cache_control=True,
    ),
    Vendor(
        "xai",
        base_url="https://api.x.ai/v1",
        api_key_env=("XAI_API_KEY",),
        api_base_env=("XAI_API_BASE",),
        renames=MAX_TOKENS,
        # Searching the web is only served by the vendor's Responses API.
        unsupported=frozenset({"presence_penalty", "web_search_options"}),
        gates=(
            Gate(re.compile(r".*(grok-3-mini|grok-4|grok-code-fast)"), frozenset({"stop"})),
            Gate(re.compile(r".*(grok-4|grok-code-fast)"), frozenset({"frequency_penalty"})),
        ),
        schema_drop=frozenset({"strict"}),
        messages=Messages(drop=frozenset({"name"})),
        repairs_finish=True,
    ),
    Vendor(
        "perplexity",
        base_url="https://api.perplexity.ai",
        api_key_env=("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
        api_base_env=("PERPLEXITY_API_BASE",),
        operations=("chat", "embedding"),
        renames=MAX_TOKENS,
        unsupported=TOOLS | SAMPLED_LOGPROBS | {"n", "seed", "stop"},
        hints=OPENAI_ONLY_HINTS,
    ),
    Vendor(
        "cerebras",
        base_url="https://api.cerebras.ai/v1",
        api_key_env=("CEREBRAS_API_KEY",),
        api_base_env=("CEREBRAS_API_BASE",),
        # https://inference-docs.cerebras.ai/resources/openai: refused with 400
        unsupported=frozenset({"frequency_penalty", "presence_penalty", "logit_bias", "n"}),
        hints=frozenset({"store", "metadata"}),
    ),
    Vendor(
        "mistral",
        base_url="https://api.mistral.ai/v1",
        api_key_env=("MISTRAL_API_KEY", "MISTRAL_AZURE_API_KEY"),
        api_base_env=("MISTRAL_API_BASE", "MISTRAL_AZURE_API_BASE"),
        operations=("chat", "embedding"),
        base_suffix="/v1",
        renames={**MAX_TOKENS, "seed": "random_seed"},
        values={"tool_choice": {"required": "any"}},
        narrows_named_tool="any",
        unsupported=SAMPLED_LOGPROBS | {"modalities", "audio", "verbosity", "web_search_options"},
        hints=OPENAI_ONLY_HINTS | {"stream_options"},
        schema_drop=frozenset({"strict", "$id", "$schema", "additionalProperties"}),
        messages=Messages(
            flat_text=True,
            drop=frozenset({"name", "reasoning_content", "thinking_blocks", "refusal", "audio", "function_call"}),
            keep_in=frozenset({"tool"}),
            call_members=frozenset({"id", "type", "function"}),
            drop_empty=True,
        ),
        splits_content=True,
    ),
    Vendor(
        "hosted_vllm",
        api_key_env=("HOSTED_VLLM_API_KEY",),
        api_base_env=("HOSTED_VLLM_API_BASE",),
        key_required=False,
        operations=("chat", "completion", "embedding"),
    ),
    Vendor(
        "lm_studio",
        api_key_env=("LM_STUDIO_API_KEY",),
        api_base_env=("LM_STUDIO_API_BASE",),
        key_required=False,
        operations=("chat", "completion", "embedding"),
        renames=MAX_TOKENS,
    ),
    Vendor(
        "ollama",
        base_url="http://localhost:11434/v1",
        api_key_env=("OLLAMA_API_KEY",),
        api_base_env=("OLLAMA_API_BASE",),
        key_required=False,
        operations=("chat", "completion", "embedding"),
        base_suffix="/v1",
        renames=MAX_TOKENS,
        # https://docs.ollama.com/openai: ignored without a word, so refused here by name
        unsupported=frozenset({"tool_choice", "logit_bias", "n"}),
        hints=frozenset({"user"}),
    ),
    Vendor(
        "custom_openai",
        key_required=False,
        operations=("chat", "completion", "embedding"),
        keeps_cache_control=True,
    ),
)
