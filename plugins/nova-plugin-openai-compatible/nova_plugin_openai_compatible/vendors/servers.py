"""Servers that the operator runs: their address is said by the operator, and mostly they need no key."""

from __future__ import annotations

from nova_plugin_openai_compatible.row import Vendor, edit
from nova_plugin_openai_compatible.vendors.operations import (
    CHAT_AND_EMBEDDING,
    EVERYTHING,
    HEARING,
    IMAGES,
    MEDIA,
)

SERVERS: tuple[Vendor, ...] = (
    Vendor(
        "custom_openai",
        api_key_env=(),
        api_base_env=(),
        key_required=False,
        operations=(*EVERYTHING, *MEDIA),
        keeps_cache_control=True,
        renames={},
    ),
    Vendor(
        "docker_model_runner",
        "http://localhost:22088/engines/llama.cpp",
        key_required=False,
        operations=EVERYTHING,
    ),
    Vendor("gdc"),
    Vendor(
        "hosted_vllm",
        key_required=False,
        operations=(*EVERYTHING, "rerank", *IMAGES, *HEARING),
        renames={},
        thinking="template",
        # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, "Extra parameters"
        takes_top_k=True,
        responses=True,
    ),
    Vendor("infinity", key_required=False, operations=("embedding", "rerank")),
    Vendor(
        "lemonade",
        "http://localhost:8000/api/v1",
        key_required=False,
        # https://lemonade-server.ai/docs/server/server_spec
        operations=(*EVERYTHING, "rerank", "speech", "transcription"),
        paths={"rerank": "/reranking"},
    ),
    Vendor(
        "litellm_proxy",
        operations=(*EVERYTHING, *MEDIA),
        keeps_cache_control=True,
        knows_developer=True,
        renames={},
        responses=True,
    ),
    Vendor("llamafile", "http://127.0.0.1:8080/v1", key_required=False, operations=EVERYTHING),
    Vendor("lm_studio", key_required=False, operations=EVERYTHING),
    Vendor("oobabooga", key_required=False, operations=EVERYTHING),
    Vendor("openai_like", key_required=False, operations=CHAT_AND_EMBEDDING),
    Vendor(
        "ragflow",
        "http://localhost:9380",
        # chat/<assistant's id>/<model> and agent/<agent's id>/<model> (RAGFlow's HTTP API, "OpenAI-compatible API")
        place=edit(r"(chat|agent)/([^/]+)/.+", r"/api/v1/\1s_openai/\2"),
        model_edit=edit(r"(?:chat|agent)/[^/]+/(.+)", r"\1"),
    ),
    Vendor(
        "xinference",
        key_required=False,
        operations=(*EVERYTHING, "rerank", *IMAGES, "speech", *HEARING),
    ),
)
