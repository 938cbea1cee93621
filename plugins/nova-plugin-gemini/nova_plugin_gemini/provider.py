"""The Gemini API with a key: chat, token counts, embeddings, images, transcripts and speech."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.wire.gemini_api import resource_name
from nova_core.wire.gemini_audio_api import GeminiAudioApi
from nova_core.wire.gemini_images import drawing_operations, gemini_images

VERSION = "v1beta"
API_VERSION = "api_version"
"""The setting that asks for another version, such as `v1alpha`."""
WHOLE_REQUEST = ("systemInstruction", "tools")
"""What countTokens takes only as part of a whole request."""


class Gemini(GeminiAudioApi):
    """`gemini/…`: `https://generativelanguage.googleapis.com/v1beta/models/{model}:{verb}`."""

    providers = ("gemini",)
    dialects: Mapping[Operation, Dialect] = {**GeminiAudioApi.dialects, **gemini_images()}
    base_url = "https://generativelanguage.googleapis.com"
    api_base_env = ("GEMINI_API_BASE", "GOOGLE_GEMINI_BASE_URL")
    api_key_env = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

    def operations(self, model: str) -> frozenset[str]:
        """Images only of models that make them."""
        return drawing_operations(super().operations(model), model)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key, which never stands in the URL. Raises AuthenticationError without one."""
        key = self.key(deployment)
        return [("x-goog-api-key", key)] if key else []

    def models_path(self, deployment: Deployment, base: str) -> str:
        """The vendor's own address needs a version; other bases have what they need."""
        host = urlsplit(deployment.api_base or self.base_url).netloc
        if not base and host == urlsplit(self.base_url).netloc:
            base = f"/{deployment.settings.get(API_VERSION) or VERSION}"
        return super().models_path(deployment, base)

    def to_upstream(self, request: Request) -> Request:
        """Thinking as the model takes it; a count of more than contents is one of a whole request."""
        request = super().to_upstream(request)
        if request.operation != "count_tokens" or not any(name in request.members for name in WHOLE_REQUEST):
            return request
        whole = {name: value for name, value in request.members.items() if name not in ("model", "stream")}
        named = {"model": resource_name(request.model), **whole}
        return request.without(*whole).with_members({"generateContentRequest": named})
