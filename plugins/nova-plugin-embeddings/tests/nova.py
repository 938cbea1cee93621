"""The Nova configuration of an operator, and embeddings calls as bytes."""

from __future__ import annotations

import json
from typing import Any

from nova_core.testing.caller import GatewayCaller
from nova_core.types.message import Reply
from nova_core.wire.body import parse_members
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS

RETRIEVAL, MATCHING, CODE = "nova-embeddings-retrieval", "nova-embeddings-v1-text-matching", "nova-embeddings-code"

CONFIG = """
model_list:
  - model_name: nova-embeddings-v1
    litellm_params:
      model: remodlai/nova-embeddings-retrieval
      api_base: "{upstream}/v1"
      tags: ["retrieval", "retrieval.query", "retrieval.passage"]
    model_info: {mode: embedding, id: nova-embeddings-retrieval}
  - model_name: nova-embeddings-v1
    litellm_params:
      model: nova-embeddings-v1-text-matching
      custom_llm_provider: remodlai
      api_base: "{upstream}/v1"
      tags: ["text-matching"]
    model_info: {mode: embedding, id: nova-embeddings-text-matching}
  - model_name: nova-embeddings-v1
    litellm_params:
      model: remodlai/nova-embeddings-code
      api_base: "{upstream}/v1"
      tags: ["code", "code.query", "code.passage"]
    model_info: {mode: embedding, id: nova-embeddings-code}
  - model_name: "remodlai/*"
    litellm_params: {model: "remodlai/*", api_base: "{upstream}/v1"}
litellm_settings: {callbacks: ["nova_task_router"], drop_params: true}
router_settings: {enable_tag_filtering: true, routing_strategy: simple-shuffle, num_retries: 0}
general_settings: {master_key: sk-1234}
"""


async def send(caller: GatewayCaller, body: bytes | dict[str, Any], **call: Any) -> Reply:
    """The reply to an embeddings body; `model` is the Nova group unless the body has its own."""
    if isinstance(body, dict):
        body = json.dumps({"model": "nova-embeddings-v1", "input": "hello", **body}).encode()
    reply = await caller.answer(parse_members(body), operation="embedding", dialect=OPENAI_EMBEDDINGS, **call)
    assert isinstance(reply, Reply)
    return reply


def vectors(reply: Reply) -> list[Any]:
    """The embeddings, in order."""
    data = reply.get("data")
    assert [datum["index"] for datum in data] == list(range(len(data)))
    return [datum["embedding"] for datum in data]
