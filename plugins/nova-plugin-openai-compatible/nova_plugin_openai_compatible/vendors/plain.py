"""Vendors that take OpenAI's API as it is: an address and a key."""

from __future__ import annotations

from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_plugin_openai_compatible.modelscope_images import MODELSCOPE_DRAWING, MODELSCOPE_IMAGES
from nova_plugin_openai_compatible.rankings import RANKINGS, SCORES
from nova_plugin_openai_compatible.row import Messages, Vendor, edit
from nova_plugin_openai_compatible.speaking import HYPERBOLIC_SPEECH
from nova_plugin_openai_compatible.vendors.operations import (
    CHAT_AND_COMPLETION,
    CHAT_AND_EMBEDDING,
    EVERYTHING,
    HEARING,
    IMAGES,
)

PLAIN: tuple[Vendor, ...] = (
    Vendor("abliteration", "https://api.abliteration.ai/v1"),
    Vendor(
        "ai21_chat",
        "https://api.ai21.com/studio/v1",
        api_key_env=("AI21_API_KEY",),
        api_base_env=("AI21_API_BASE",),
        aliases=("ai21",),
    ),
    Vendor("aihubmix", "https://aihubmix.com/v1", operations=CHAT_AND_EMBEDDING),
    Vendor(
        "aiml",
        "https://api.aimlapi.com/v1",
        api_key_env=("AIML_API_KEY", "AIMLAPI_KEY"),
        operations=(*CHAT_AND_EMBEDDING, "image_generation"),
    ),
    Vendor(
        "aiohttp_openai",
        "https://api.openai.com/v1",
        api_key_env=("OPENAI_API_KEY",),
        api_base_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        operations=EVERYTHING,
        knows_developer=True,
        renames={},
        responses=True,
    ),
    Vendor("amazon_nova", "https://api.nova.amazon.com/v1"),
    Vendor("apertis", "https://api.stima.tech/v1", api_key_env=("STIMA_API_KEY",)),
    Vendor("assemblyai", "https://llm-gateway.assemblyai.com/v1"),
    # https://docs.bytez.com/http-reference/examples/openai-compliant/chatCompletionsExample
    Vendor("bytez", "https://api.bytez.com/models/v2/openai/v1", operations=CHAT_AND_COMPLETION, responses=True),
    Vendor("charity_engine", "https://api.charityengine.services/remotejobs/v2/inference"),
    Vendor("chutes", "https://llm.chutes.ai/v1", operations=CHAT_AND_COMPLETION),
    Vendor("cognition", "https://api.cognition.ai/v1"),
    Vendor(
        "cometapi",
        "https://api.cometapi.com/v1",
        api_key_env=("COMETAPI_KEY", "COMETAPI_API_KEY"),
        api_base_env=("COMETAPI_BASE_URL", "COMETAPI_API_BASE"),
        operations=(*CHAT_AND_EMBEDDING, "image_generation"),
    ),
    Vendor("compactifai", "https://api.compactif.ai/v1"),
    Vendor("cortecs", "https://api.cortecs.ai/v1", responses=True, messages_api="/messages"),
    Vendor("crusoe", "https://managed-inference-api-proxy.crusoecloud.com/v1"),
    Vendor("darkbloom", "https://api.darkbloom.dev/v1"),
    Vendor(
        "deepinfra",
        "https://api.deepinfra.com/v1/openai",
        operations=(*EVERYTHING, "rerank", *IMAGES, "speech", *HEARING),
        paths={"rerank": "/inference/{model}"},
        addresses={"rerank": "https://api.deepinfra.com/v1/inference/{model}"},
        dialects={"rerank": SCORES},
    ),
    Vendor(
        "edenai",
        "https://api.edenai.run/v3",
        messages_api="/messages",
        operations=(*CHAT_AND_EMBEDDING, "rerank", "image_generation", "speech", "transcription"),
        responses=True,
    ),
    Vendor("empiriolabs", "https://api.empiriolabs.ai/v1", responses=True),
    Vendor("empower", "https://app.empower.dev/api/v1"),
    Vendor(
        "featherless_ai",
        "https://api.featherless.ai/v1",
        api_key_env=("FEATHERLESS_AI_API_KEY", "FEATHERLESS_API_KEY"),
        operations=CHAT_AND_COMPLETION,
    ),
    Vendor(
        "friendliai",
        "https://api.friendli.ai/serverless/v1",
        api_key_env=("FRIENDLI_TOKEN", "FRIENDLIAI_API_KEY"),
        api_base_env=("FRIENDLI_API_BASE",),
        operations=CHAT_AND_COMPLETION,
    ),
    Vendor("galadriel", "https://api.galadriel.com/v1"),
    # The address of https://docs.github.com/rest/models; the older one on azure.com is switched off.
    Vendor("github", "https://models.github.ai/inference", operations=CHAT_AND_EMBEDDING, renames={}),
    Vendor("gmi", "https://api.gmi-serving.com/v1"),
    Vendor("helicone", "https://ai-gateway.helicone.ai"),
    Vendor(
        "heroku",
        # https://devcenter.heroku.com/articles/heroku-inference-api-v1-rerank and …-embeddings
        operations=(*CHAT_AND_EMBEDDING, "rerank"),
        dialects={"rerank": COHERE_RERANK},
        base_edits=(edit(r"(.+)(?<!/v1)", r"\1/v1"),),
    ),
    Vendor(
        "hyperbolic",
        "https://api.hyperbolic.xyz/v1",
        # https://docs.hyperbolic.xyz, "Audio APIs"
        operations=(*CHAT_AND_COMPLETION, "speech"),
        paths={"speech": "/audio/generation"},
        dialects={"speech": HYPERBOLIC_SPEECH},
        nameless=frozenset({"speech"}),
    ),
    Vendor("inception", "https://api.inceptionlabs.ai/v1"),
    Vendor(
        "lambda_ai",
        "https://api.lambda.ai/v1",
        api_key_env=("LAMBDA_API_KEY",),
        api_base_env=("LAMBDA_API_BASE",),
        operations=CHAT_AND_COMPLETION,
    ),
    Vendor("libertai", "https://api.libertai.io/v1"),
    Vendor("llamagate", "https://api.llamagate.dev/v1"),
    Vendor("maritalk", "https://chat.maritaca.ai/api"),
    Vendor("meta", "https://api.meta.ai/v1", responses=True, messages_api="/messages"),
    Vendor(
        "modelscope",
        "https://api-inference.modelscope.cn/v1",
        operations=("chat", "image_generation"),
        dialects={"image_generation": MODELSCOPE_IMAGES},
        draws=MODELSCOPE_DRAWING,
        thinking="flag",
    ),
    Vendor("morph", "https://api.morphllm.com/v1"),
    Vendor("nadir", "https://api.getnadir.com/v1"),
    Vendor("nano-gpt", "https://nano-gpt.com/api/v1", api_key_env=("NANOGPT_API_KEY",)),
    Vendor("nebius", "https://api.studio.nebius.ai/v1", operations=(*EVERYTHING, "image_generation")),
    Vendor("neosantara", "https://api.neosantara.xyz/v1", responses=True),
    Vendor(
        "novita",
        "https://api.novita.ai/v3/openai",
        operations=(*EVERYTHING, "rerank"),
        # https://novita.ai/docs/api-reference/model-apis-llm-create-rerank and …-embeddings
        addresses={
            "embedding": "https://api.novita.ai/openai/v1/embeddings",
            "rerank": "https://api.novita.ai/openai/v1/rerank",
        },
        dialects={"rerank": COHERE_RERANK},
    ),
    Vendor("nscale", "https://inference.api.nscale.com/v1"),
    Vendor(
        "nvidia_nim",
        "https://integrate.api.nvidia.com/v1",
        operations=(*EVERYTHING, "rerank"),
        paths={"rerank": "/ranking"},
        addresses={"rerank": "https://ai.api.nvidia.com/v1/retrieval/{model_}/reranking"},
        dialects={"rerank": RANKINGS},
        thinking="template",
    ),
    Vendor(
        "ovhcloud",
        "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        operations=(*CHAT_AND_EMBEDDING, "transcription"),
    ),
    Vendor("parasail", "https://api.parasail.io/v1", forced={"store": False}, responses=True),
    Vendor("pinstripes", "https://pinstripes.io/v1", operations=CHAT_AND_EMBEDDING, responses=True),
    Vendor("poe", "https://api.poe.com/v1"),
    Vendor("prism", "https://api.prisminference.com/v1", responses=True, messages_api="/messages"),
    Vendor("publicai", "https://api.publicai.co/v1", messages=Messages(flat_text=True)),
    Vendor("reka", "https://api.reka.ai/v1"),
    Vendor("sail", "https://api.sailresearch.com/v1", responses=True, messages_api="/messages"),
    Vendor(
        "sambanova",
        "https://api.sambanova.ai/v1",
        # Servers of the operator's own hear, too: https://docs.sambanova.ai/docs/en/features/audio
        operations=(*CHAT_AND_EMBEDDING, *HEARING),
        thinking="template",
    ),
    Vendor("sarvam", "https://api.sarvam.ai/v1"),
    Vendor(
        "scaleway",
        "https://api.scaleway.ai/v1",
        api_key_env=("SCW_SECRET_KEY",),
        operations=(*CHAT_AND_EMBEDDING, "rerank", "transcription"),
    ),
    Vendor(
        "scx-ai",
        "https://api.scx.ai/v1",
        api_key_env=("SCX_API_KEY",),
        api_base_env=("SCX_API_BASE",),
        ranges={"temperature": (0, 1.99)},
    ),
    Vendor("synthetic", "https://api.synthetic.new/openai/v1"),
    Vendor("tencent", "https://tokenhub-intl.tencentcloudmaas.com/v1", messages_api="/messages"),
    Vendor(
        "tensormesh",
        "https://serverless.tensormesh.ai/v1",
        api_key_env=("TENSORMESH_INFERENCE_API_KEY",),
        api_base_env=("TENSORMESH_SERVERLESS_BASE_URL",),
        responses=True,
    ),
    Vendor(
        "text-completion-inception",
        "https://api.inceptionlabs.ai/v1",
        api_key_env=("INCEPTION_API_KEY",),
        api_base_env=("INCEPTION_API_BASE",),
        operations=("completion",),
        paths={"completion": "/fim/completions"},
    ),
    Vendor(
        "together_ai",
        "https://api.together.ai/v1",
        api_key_env=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"),
        operations=(*EVERYTHING, "rerank", "image_generation", "speech", *HEARING),
        # https://docs.together.ai/reference/chat-completions-1
        takes_top_k=True,
    ),
    Vendor("v0", "https://api.v0.dev/v1"),
    Vendor(
        "veniceai",
        "https://api.venice.ai/api/v1",
        api_key_env=("VENICE_AI_API_KEY",),
        # https://docs.venice.ai/guides/media/text-to-speech
        operations=(*CHAT_AND_EMBEDDING, "speech", "image_generation", "transcription"),
    ),
    Vendor("wandb", "https://api.inference.wandb.ai/v1", operations=CHAT_AND_EMBEDDING),
    Vendor("xiaomi_mimo", "https://api.xiaomimimo.com/v1", thinking="type"),
)
