"""Azure Speech: files are transcribed at once, in the resource's region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from nova_core.errors import ConfigurationError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.multipart import form_request
from nova_core.wire.provider import DialectProvider, Lane, of_deployment
from nova_plugin_azure_speech.transcripts import FAST_TRANSCRIPTION

REGION, REGION_VARIABLE = "azure_speech_region", "AZURE_SPEECH_REGION"
VERSION = "2025-10-15"
TRANSCRIBE = "/speechtotext/transcriptions:transcribe"


class AzureSpeech(DialectProvider):
    """`azure_speech/fast`: there is one model, whatever its name."""

    providers = ("azure_speech",)
    base_url = "https://{azure_speech_region|AZURE_SPEECH_REGION}.api.cognitive.microsoft.com"
    api_base_env = ("AZURE_SPEECH_API_BASE",)
    api_key_env = ("AZURE_SPEECH_API_KEY", "AZURE_SPEECH_KEY")
    settings_keys: tuple[str, ...] = (REGION, "api_version")
    dialects: Mapping[Operation, Dialect] = {"transcription": FAST_TRANSCRIPTION}
    paths: Mapping[Operation, str] = {"transcription": TRANSCRIBE}
    secret_headers = frozenset({*DialectProvider.secret_headers, "ocp-apim-subscription-key"})

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address and key. Raises ConfigurationError without a region or an address."""
        base = deployment.api_base or environ.get(self.api_base_env[0], "").strip()
        region = deployment.settings.get(REGION) or environ.get(REGION_VARIABLE, "").strip()
        if not base and not region:
            raise ConfigurationError(
                f"set `{REGION}` or `api_base` for {deployment.model}, or the environment's {REGION_VARIABLE}"
            )
        named = base or f"https://{region}.api.cognitive.microsoft.com"
        return super().complete(replace(deployment, api_base=named), environ)

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key, in the header that Azure has for it."""
        key = self.key(deployment)
        return [("Ocp-Apim-Subscription-Key", key)] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The address with the version of the API."""
        parts = urlsplit(super().url(deployment, operation))
        version = deployment.settings.get("api_version") or VERSION
        query = parts.query if "api-version=" in parts.query else f"api-version={version}"
        return urlunsplit(parts._replace(query=query))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """A form of two parts."""
        members = plain(request.members)
        definition = {name: value for name, value in members.items() if name not in ("file", "model")}
        return form_request(lane.url, {"audio": members["file"], "definition": definition}, headers, streamed)
