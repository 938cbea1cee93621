"""The Gemini API with a key: chat, token counts, embeddings, transcripts and speech."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Reply, Request, plain
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.file_in_json import FilesInJson
from nova_core.wire.gemini_api import NOT_SENT, GeminiApi, resource_name, with_verb
from nova_core.wire.gemini_audio import GEMINI_SPEECH, GEMINI_TRANSCRIPTION, as_asked
from nova_core.wire.provider import Lane

VERSION = "v1beta"
GENERATE = "generateContent"
AUDIO: frozenset[Operation] = frozenset({"transcription", "speech"})
API_VERSION = "api_version"
"""The setting that asks for another version, such as `v1alpha`."""
WHOLE_REQUEST = ("systemInstruction", "tools")
"""What countTokens takes only as part of a whole request."""


class Gemini(GeminiApi):
    """`gemini/…`: `https://generativelanguage.googleapis.com/v1beta/models/{model}:{verb}`."""

    providers = ("gemini",)
    dialects: Mapping[Operation, Dialect] = {
        **GeminiApi.dialects,
        "transcription": GEMINI_TRANSCRIPTION,
        "speech": GEMINI_SPEECH,
    }
    base_url = "https://generativelanguage.googleapis.com"
    api_base_env = ("GEMINI_API_BASE", "GOOGLE_GEMINI_BASE_URL")
    api_key_env = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

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

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """Audio is asked for as content, whole; a file is sent as it comes, in the JSON."""
        if lane.dialect.operation not in AUDIO:
            return super().outgoing(lane, request, headers, streamed)
        body = FilesInJson(plain(request.without(*NOT_SENT).members))
        return UpstreamRequest(with_verb(lane.url, GENERATE), "POST", headers, body, streamed)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; speech comes as the caller wants it."""
        exchange = super().provider_call(call, request, deployment)
        if request.operation != "speech":
            return exchange
        read, wanted = exchange.read, request.get("response_format")

        def read_speech(response: UpstreamResponse) -> Reply:
            reply = read(response)
            assert isinstance(reply, Reply)
            return as_asked(reply, wanted)

        return msgspec.structs.replace(exchange, read=read_speech)

    def to_upstream(self, request: Request) -> Request:
        """Thinking as the model takes it; a count of more than contents is one of a whole request."""
        request = super().to_upstream(request)
        if request.operation != "count_tokens" or not any(name in request.members for name in WHOLE_REQUEST):
            return request
        whole = {name: value for name, value in request.members.items() if name not in ("model", "stream")}
        named = {"model": resource_name(request.model), **whole}
        return request.without(*whole).with_members({"generateContentRequest": named})
