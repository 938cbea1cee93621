"""ElevenLabs' API."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import msgspec

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.multipart import form_request
from nova_core.wire.provider import DialectProvider, Lane, of_deployment
from nova_plugin_elevenlabs.scribe import ELEVENLABS_SCRIBE
from nova_plugin_elevenlabs.voices import ELEVENLABS_VOICES


class ElevenLabs(DialectProvider):
    """`elevenlabs/…`: `/v1/text-to-speech` for speech, `/v1/speech-to-text` for transcripts."""

    providers = ("elevenlabs",)
    base_url = "https://api.elevenlabs.io"
    api_base_env = ("ELEVENLABS_API_BASE",)
    api_key_env = ("ELEVENLABS_API_KEY",)
    dialects: Mapping[Operation, Dialect] = {"speech": ELEVENLABS_VOICES, "transcription": ELEVENLABS_SCRIBE}
    paths: Mapping[Operation, str] = {"speech": "/v1/text-to-speech", "transcription": "/v1/speech-to-text"}
    secret_headers = DialectProvider.secret_headers | {"xi-api-key"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`xi-api-key`, when there is a key."""
        key = self.key(deployment)
        return [("xi-api-key", key)] if key else []

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """A form for a transcript; JSON for speech, its voice in the path."""
        members = plain(request.members)
        members["model_id"] = members.pop("model")
        if lane.dialect.operation == "transcription":
            return form_request(lane.url, members, headers, streamed, mark="")
        voice, output = quote(members.pop("voice"), safe=""), members.pop("output_format")
        parts = urlsplit(lane.url)
        query = "&".join(part for part in (parts.query, urlencode({"output_format": output})) if part)
        url = urlunsplit(parts._replace(path=f"{parts.path}/{voice}/stream", query=query))
        return UpstreamRequest(url, "POST", headers, msgspec.json.encode(members), streamed)
