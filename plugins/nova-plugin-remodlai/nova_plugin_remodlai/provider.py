"""Nova's servers: OpenAI's API with a superset of embeddings."""

from __future__ import annotations

from collections.abc import Mapping

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.openai_compatible import OPENAI_DIALECTS, RESPONSES, RESPONSES_PATHS, OpenAICompatible
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS
from nova_core.wire.rerank_documents import with_documents
from nova_plugin_remodlai.image_input import as_objects


class Remodlai(OpenAICompatible):
    """`remodlai/…`: a server of the operator's own, so its address is required and a key is not.

    Embeddings take `task`, `instructions`, `adapter`, `return_multivector` and `image_embeds` as they come.
    """

    providers = ("remodlai",)
    api_base_env = ("REMODLAI_API_BASE", "REMODL_AI_API_BASE")
    api_key_env = ("REMODLAI_API_KEY", "REMODL_AI_API_KEY")
    key_required = False
    dialects: Mapping[Operation, Dialect] = {
        **OPENAI_DIALECTS,
        "rerank": COHERE_RERANK,
        "transcription": OPENAI_TRANSCRIPTIONS,
    }
    natives = RESPONSES
    native_paths = RESPONSES_PATHS

    def to_upstream(self, request: Request) -> Request:
        """Strings that are images become objects; anything else passes byte for byte."""
        request = super().to_upstream(request)
        if request.dialect.operation != "embedding":
            return request
        objects = as_objects(request.get("input"))
        return request if objects is None else request.with_members({"input": objects})

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; results of a rerank have their documents, where these are wanted."""
        exchange = super().provider_call(call, request, deployment)
        return with_documents(exchange, request) if request.operation == "rerank" else exchange
