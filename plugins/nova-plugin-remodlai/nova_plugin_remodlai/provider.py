"""Nova's servers: OpenAI's API with a superset of embeddings."""

from __future__ import annotations

from nova_core.types.message import Request
from nova_core.wire.openai_compatible import RESPONSES, RESPONSES_PATHS, OpenAICompatible
from nova_plugin_remodlai.image_input import as_objects


class Remodlai(OpenAICompatible):
    """`remodlai/…`: a server of the operator's own, so its address is required and a key is not.

    Embeddings take `task`, `instructions`, `adapter`, `return_multivector` and `image_embeds` as they come.
    """

    providers = ("remodlai",)
    api_base_env = ("REMODLAI_API_BASE", "REMODL_AI_API_BASE")
    api_key_env = ("REMODLAI_API_KEY", "REMODL_AI_API_KEY")
    key_required = False
    natives = RESPONSES
    native_paths = RESPONSES_PATHS

    def to_upstream(self, request: Request) -> Request:
        """Strings that are images become objects; anything else passes byte for byte."""
        request = super().to_upstream(request)
        if request.dialect.operation != "embedding":
            return request
        objects = as_objects(request.get("input"))
        return request if objects is None else request.with_members({"input": objects})
