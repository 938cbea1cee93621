"""Vendors that take some of OpenAI's API differently, as their own documentation says."""

from __future__ import annotations

import re
from dataclasses import replace

from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_plugin_openai_compatible.dashscope_images import (
    DASHSCOPE_DRAWING,
    DASHSCOPE_IMAGE_EDITS,
    DASHSCOPE_IMAGES,
)
from nova_plugin_openai_compatible.drawing import MaskedElsewhere
from nova_plugin_openai_compatible.hearing import MISTRAL_HEARING, OPENROUTER_HEARING, XAI_HEARING
from nova_plugin_openai_compatible.image_edits import OPENROUTER_EDITS, RECRAFT_EDITS, XAI_EDITS, XAI_IMAGES
from nova_plugin_openai_compatible.row import MAX_TOKENS, Efforts, Gate, Messages, Vendor, edit
from nova_plugin_openai_compatible.speaking import MINIMAX_SPEECH, MISTRAL_SPEECH, XAI_SPEECH
from nova_plugin_openai_compatible.vendors.operations import (
    CHAT_AND_COMPLETION,
    CHAT_AND_EMBEDDING,
    EVERYTHING,
    HEARING,
    IMAGES,
)

SAMPLED_LOGPROBS = frozenset({"logprobs", "top_logprobs", "logit_bias"})
PENALTIES = frozenset({"presence_penalty", "frequency_penalty"})
TOOLS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
OPENAI_ONLY_HINTS = frozenset({"store", "user", "prompt_cache_key", "service_tier", "metadata"})
THOUGHTS = frozenset({"reasoning_content", "thinking_blocks"})
NEWER_HINTS = frozenset(
    {"prompt_cache_retention", "prompt_cache_options", "safety_identifier", "prediction", "verbosity"}
)
ANSWERED = frozenset({"refusal", "annotations", "audio", "parsed", "images", "provider_specific_fields"})
"""Members of answers that clients send back with the history; vendors that are strict refuse them."""
JSON_SCHEMA = {"response_format": frozenset({"json_schema"})}

MISTRAL = Vendor(
    "mistral",
    "https://api.mistral.ai/v1",
    api_key_env=("MISTRAL_API_KEY", "MISTRAL_AZURE_API_KEY"),
    api_base_env=("MISTRAL_API_BASE", "MISTRAL_AZURE_API_BASE"),
    operations=(*CHAT_AND_EMBEDDING, "moderation", "speech", "transcription"),
    dialects={"speech": MISTRAL_SPEECH, "transcription": MISTRAL_HEARING},
    base_edits=(edit(r"(.+)(?<!/v1)", r"\1/v1"),),
    # https://docs.mistral.ai/api/endpoint/chat and …/embeddings
    renames={**MAX_TOKENS, "seed": "random_seed", "dimensions": "output_dimension"},
    values={"tool_choice": {"required": "any"}, "service_tier": {"default": "standard_only"}},
    narrows_named_tool="any",
    tool_name_limit=64,
    takes_top_k=True,
    thinking="prompt",
    unsupported=frozenset({"logit_bias", "modalities", "audio", "web_search_options"}),
    hints=(NEWER_HINTS - {"prediction"}) | {"store", "user", "stream_options"},
    schema_drop=frozenset({"strict", "$id", "$schema", "additionalProperties"}),
    inlines_refs=True,
    messages=Messages(
        flat_text=True,
        drop=THOUGHTS | ANSWERED | {"name", "function_call"},
        keep_in=frozenset({"tool"}),
        call_members=frozenset({"id", "type", "function"}),
        drop_empty=True,
        call_id_length=9,
        marks_prefix=True,
        flat_media=True,
        # https://docs.mistral.ai/inference/conversations/reasoning
        replays_thoughts=True,
        thought_parts=re.compile(r"magistral|mistral-(small|medium|large-4)"),
    ),
    splits_content=True,
)

DASHSCOPE = Vendor(
    "dashscope",
    "https://dashscope.aliyuncs.com/compatible-mode/v1",
    operations=(*CHAT_AND_EMBEDDING, "rerank", *IMAGES),
    dialects={"image_generation": DASHSCOPE_IMAGES, "image_edit": DASHSCOPE_IMAGE_EDITS},
    draws=DASHSCOPE_DRAWING,
    # https://help.aliyun.com/en/model-studio/text-rerank-api
    paths={"rerank": "/reranks"},
    addresses={"rerank": "https://dashscope.aliyuncs.com/compatible-api/v1/reranks"},
    # https://help.aliyun.com/en/model-studio/qwen-api-via-openai-chat-completions
    keeps_cache_control=True,
    tool_name_limit=64,
    thinking="flag",
    hints=OPENAI_ONLY_HINTS,
)

QUIRKS: tuple[Vendor, ...] = (
    Vendor(
        "baseten",
        "https://inference.baseten.co/v1",
        # Eight characters are a dedicated deployment.
        place=edit(r"[a-z0-9]{8}", r"https://model-\g<0>.api.baseten.co/environments/production/sync/v1"),
    ),
    Vendor(
        "cerebras",
        "https://api.cerebras.ai/v1",
        # https://inference-docs.cerebras.ai/resources/openai: refused with 400
        unsupported=PENALTIES | {"logit_bias", "n"},
        hints=frozenset({"store", "metadata"}),
        renames={},
        messages=Messages(drop=THOUGHTS),
    ),
    Vendor(
        "clarifai",
        "https://api.clarifai.com/v2/ext/openai/v1",
        model_edit=edit(r"([^./]+)\.([^./]+)\.([^/]+)", r"https://clarifai.com/\1/\2/models/\3"),
    ),
    replace(
        MISTRAL,
        name="codestral",
        base_url="https://codestral.mistral.ai/v1",
        api_key_env=None,
        api_base_env=None,
        operations=("chat",),
        dialects={},
    ),
    DASHSCOPE,
    Vendor(
        "datarobot",
        "https://app.datarobot.com/api/v2/genai/llmgw",
        api_key_env=("DATAROBOT_API_TOKEN",),
        api_base_env=("DATAROBOT_ENDPOINT",),
        base_edits=(edit(r"(https?://[^/]+)(?:/api/v2)?", r"\1/api/v2/genai/llmgw"),),
    ),
    Vendor(
        "deepseek",
        "https://api.deepseek.com/beta",
        messages_api="https://api.deepseek.com/anthropic/v1/messages",
        operations=CHAT_AND_COMPLETION,
        # https://api-docs.deepseek.com/api/create-chat-completion
        tool_name_limit=64,
        unsupported=frozenset({"n", "seed", "logit_bias"}),
        refused_values=JSON_SCHEMA,
        hints=OPENAI_ONLY_HINTS,
        thinking="type",
        # https://api-docs.deepseek.com/guides/thinking_mode: turns that called tools must bring their reasoning;
        # every model but the older chat one thinks unless told not to.
        messages=Messages(flat_text=True, replays_thoughts=True, blank_reasoning=re.compile(r"(?!.*deepseek-chat)")),
    ),
    Vendor(
        "fireworks_ai",
        "https://api.fireworks.ai/inference/v1",
        api_key_env=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
        api_base_env=("FIREWORKS_API_BASE",),
        operations=(*EVERYTHING, "rerank", *HEARING),
        results_at="data",
        # https://docs.fireworks.ai/api-reference/audio-transcriptions
        addresses={
            "transcription": "https://audio-prod.us-virginia-1.direct.fireworks.ai/v1/audio/transcriptions",
            "translation": "https://audio-prod.us-virginia-1.direct.fireworks.ai/v1/audio/translations",
        },
        model_edit=edit(r"(?!whisper)[^/]+", r"accounts/fireworks/models/\g<0>"),
        values={"tool_choice": {"required": "any"}},
        # https://docs.fireworks.ai/guides/reasoning
        exclusive=(("thinking", "reasoning_effort"),),
        hints=frozenset({"store"}),
        takes_top_k=True,
        responses=True,
    ),
    Vendor(
        "gradient_ai",
        "https://inference.do-ai.run/v1",
        api_base_env=("GRADIENT_AI_AGENT_ENDPOINT",),
        base_edits=(
            edit(r"(https://inference\.do-ai\.run)", r"\1/v1"),
            edit(r"(https://[^/]+)", r"\1/api/v1"),
        ),
    ),
    Vendor(
        "groq",
        "https://api.groq.com/openai/v1",
        operations=("chat", "speech", *HEARING),
        # https://console.groq.com/docs/openai, "Currently unsupported OpenAI features"
        unsupported=SAMPLED_LOGPROBS | {"n"},
        hints=NEWER_HINTS | {"store", "metadata", "prompt_cache_key"},
        renames={},
        messages=Messages(drop=THOUGHTS | ANSWERED | {"name"}),
        # https://console.groq.com/docs/structured-outputs, "Supported models"; the others know schemas from tools.
        json_by_tool=re.compile(r"(?!.*(?:gpt-oss|kimi-k2|llama-4))"),
        # https://console.groq.com/docs/api-reference#chat-create and …/docs/reasoning
        values={"service_tier": {"default": "on_demand"}},
        efforts=(
            Efforts(re.compile(r"qwen"), ("none", "default")),
            Efforts(re.compile(r"gpt-oss"), ("low", "medium", "high")),
        ),
        usage_at=("x_groq", "usage"),
    ),
    Vendor(
        "meta_llama",
        "https://api.llama.com/compat/v1",
        api_key_env=("LLAMA_API_KEY",),
        api_base_env=("LLAMA_API_BASE",),
        refused_values={"response_format": frozenset({"json_object"})},
    ),
    Vendor(
        "minimax",
        "https://api.minimax.io/v1",
        messages_api="https://api.minimax.io/anthropic/v1/messages",
        operations=("chat", "speech"),
        paths={"speech": "/t2a_v2"},
        dialects={"speech": MINIMAX_SPEECH},
        # https://platform.minimax.io/docs/api-reference/text-openai-api: some are ignored without a word there
        ranges={"temperature": (0.01, 1)},
        unsupported=PENALTIES | {"logit_bias", "n"},
        thinking="adaptive",
        defaults={"reasoning_split": True},
        splits_thoughts=True,
        renames={"max_tokens": "max_completion_tokens"},
    ),
    MISTRAL,
    Vendor(
        "moonshot",
        "https://api.moonshot.ai/v1",
        messages_api="https://api.moonshot.ai/anthropic/v1/messages",
        # https://platform.kimi.ai/docs/api/chat
        renames={},
        ranges={"temperature": (0, 1)},
        gates=(Gate(re.compile(r"kimi-(?!latest)"), PENALTIES | {"temperature", "top_p", "n"}),),
        unsupported=SAMPLED_LOGPROBS,
        narrows_named_tool="required",
        tool_nudge="Answer by calling one of the tools.",
        tool_name_limit=64,
        thinking="switch",
        messages=Messages(replays_thoughts=True, blank_reasoning=re.compile(r"kimi-.*thinking")),
        usage_at=("choices", 0, "usage"),
    ),
    Vendor(
        "openrouter",
        "https://openrouter.ai/api/v1",
        api_key_env=("OPENROUTER_API_KEY", "OR_API_KEY"),
        # https://openrouter.ai/docs/api-reference
        operations=(*EVERYTHING, "rerank", *IMAGES, "speech", "transcription"),
        paths={"image_generation": "/images", "image_edit": "/images"},
        dialects={"image_edit": OPENROUTER_EDITS, "rerank": COHERE_RERANK, "transcription": OPENROUTER_HEARING},
        messages_api="/messages",
        env_headers={"HTTP-Referer": "OR_SITE_URL", "X-Title": "OR_APP_NAME"},
        keeps_cache_control=True,
        knows_developer=True,
        thinking="reasoning",
        takes_top_k=True,
        renames={},
        responses=True,
    ),
    Vendor(
        "perplexity",
        "https://api.perplexity.ai",
        api_key_env=("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
        operations=CHAT_AND_EMBEDDING,
        # https://docs.perplexity.ai/api-reference/embeddings-post
        paths={"embedding": "/v1/embeddings"},
        int8_vectors=True,
        # https://docs.perplexity.ai/api-reference/chat-completions-post
        unsupported=TOOLS | SAMPLED_LOGPROBS | {"n", "seed", "stop"},
        hints=OPENAI_ONLY_HINTS,
        messages=Messages(drop=THOUGHTS),
        splits_thoughts=True,
        cites=True,
    ),
    replace(DASHSCOPE, name="qwen_ai_platform"),
    replace(
        DASHSCOPE,
        name="qwencloud",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        addresses={"rerank": "https://dashscope-intl.aliyuncs.com/compatible-api/v1/reranks"},
    ),
    Vendor(
        "recraft",
        # https://www.recraft.ai/docs/api-reference/endpoints
        "https://external.api.recraft.ai/v1",
        operations=IMAGES,
        paths={"image_edit": "/images/imageToImage"},
        dialects={"image_edit": RECRAFT_EDITS},
        draws=MaskedElsewhere("/imageToImage", "/inpaint"),
        base_edits=(edit(r"(https?://[^/]+)", r"\1/v1"),),
        unsupported=frozenset({"background", "moderation", "output_compression"}),
        hints=frozenset({"quality", "user", "stream", "partial_images"}),
    ),
    Vendor(
        "text-completion-codestral",
        "https://codestral.mistral.ai/v1",
        api_key_env=("CODESTRAL_API_KEY",),
        api_base_env=("CODESTRAL_API_BASE",),
        operations=("completion",),
        # https://docs.mistral.ai/api/endpoint/fim
        paths={"completion": "/fim/completions"},
        renames={**MAX_TOKENS, "seed": "random_seed"},
        unsupported=PENALTIES | {"n", "logit_bias", "logprobs", "echo", "best_of"},
        hints=OPENAI_ONLY_HINTS | {"stream_options"},
        completes_as_chat=True,
    ),
    Vendor(
        "vercel_ai_gateway",
        "https://ai-gateway.vercel.sh/v1",
        api_key_env=("VERCEL_AI_GATEWAY_API_KEY", "AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"),
        # https://vercel.com/docs/ai-gateway/sdks-and-apis
        operations=(*CHAT_AND_EMBEDDING, "rerank"),
        dialects={"rerank": COHERE_RERANK},
        responses=True,
        messages_api="/messages",
        keeps_cache_control=True,
        thinking="reasoning",
        renames={},
    ),
    Vendor(
        "volcengine",
        "https://ark.cn-beijing.volces.com/api/v3",
        api_key_env=("VOLCENGINE_API_KEY", "ARK_API_KEY"),
        api_base_env=("VOLCENGINE_API_BASE", "ARK_API_BASE"),
        # https://www.volcengine.com/docs/82379/1541523
        operations=(*CHAT_AND_EMBEDDING, "image_generation"),
        tool_name_limit=64,
        thinking="type",
        responses=True,
    ),
    Vendor(
        "xai",
        "https://api.x.ai/v1",
        operations=("chat", *IMAGES, "speech", "transcription"),
        # https://docs.x.ai/developers/rest-api-reference/inference/voice
        paths={"speech": "/tts", "transcription": "/stt"},
        dialects={
            "image_generation": XAI_IMAGES,
            "image_edit": XAI_EDITS,
            "speech": XAI_SPEECH,
            "transcription": XAI_HEARING,
        },
        nameless=frozenset({"speech", "transcription"}),
        # https://docs.x.ai/docs/guides/image-generations: images have no size, quality or style
        unsupported=frozenset({"presence_penalty", "size", "quality", "style"}),
        gates=(
            Gate(re.compile(r".*(grok-3-mini|grok-4|grok-code-fast)"), frozenset({"stop"})),
            Gate(re.compile(r".*(grok-4|grok-code-fast)"), frozenset({"frequency_penalty"})),
            # https://docs.x.ai/developers/model-capabilities/text/reasoning
            Gate(re.compile(r".*grok-(3(?!-mini)|4(-\d|-fast|$)|4\.20|code-fast)"), frozenset({"reasoning_effort"})),
        ),
        efforts=(
            Efforts(re.compile(r"grok-3-mini"), ("low", "high")),
            Efforts(re.compile(r"grok-4\.3"), ("none", "low", "medium", "high")),
            Efforts(re.compile(r"grok-"), ("low", "medium", "high")),
        ),
        schema_drop=frozenset({"strict"}),
        messages=Messages(drop=frozenset({"name"})),
        repairs_finish=True,
        responses=True,
        searches_by_responses=True,
    ),
    Vendor(
        "zai",
        "https://api.z.ai/api/paas/v4",
        messages_api="https://api.z.ai/api/anthropic/v1/messages",
        operations=("chat", "image_generation"),
        # https://docs.z.ai/api-reference/llm/chat-completion
        ranges={"temperature": (0, 1), "top_p": (0.01, 1)},
        unsupported=PENALTIES | SAMPLED_LOGPROBS | {"n", "seed"},
        refused_values={**JSON_SCHEMA, "tool_choice": frozenset({"required", "none", "function"})},
        hints=OPENAI_ONLY_HINTS | {"stream_options"},
        schema_drop=frozenset({"strict"}),
        messages=Messages(drop=frozenset({"name"}), replays_thoughts=True),
        tool_name_limit=64,
        thinking="type",
    ),
)
