"""Open models on Vertex AI, which speak OpenAI's chat completions behind one endpoint."""

# https://cloud.google.com/vertex-ai/generative-ai/docs/maas/call-open-model-apis

from __future__ import annotations

from collections.abc import Mapping

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import OpenAICompatible
from nova_plugin_vertex_ai.authorized import Authorized
from nova_plugin_vertex_ai.places import below, collection

PATH = "endpoints/openapi/chat/completions"


class VertexOpenModels(Authorized, OpenAICompatible):
    """`…/endpoints/openapi/chat/completions`; the model stands in the body, with its publisher."""

    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT}
    paths: Mapping[Operation, str] = {"chat": f"/{PATH}"}

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token, or the deployment's key."""
        return Authorized.headers(self, deployment, call)

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The endpoint of the project's location."""
        base = (deployment.api_base or "").rstrip("/")
        return base if base.endswith(PATH) else below(collection(deployment, "v1"), PATH)
