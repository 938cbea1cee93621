"""Cloudflare Workers AI: chats, Responses and embeddings as OpenAI has them, all else in the models' own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from nova_core.errors import BadRequestError, ConfigurationError, ContextWindowExceededError, NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request
from nova_core.types.upload import File
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.openai_compatible import OPENAI_DIALECTS, RESPONSES, OpenAICompatible
from nova_core.wire.provider import Lane
from nova_core.wire.rerank_documents import with_documents
from nova_plugin_cloudflare.addresses import OWN, openai_url, run_url
from nova_plugin_cloudflare.audio import IN_JSON, WORKERS_SPEECH, WORKERS_TRANSCRIPTION, WORKERS_TRANSLATION
from nova_plugin_cloudflare.bodies import FileInJson
from nova_plugin_cloudflare.images import WORKERS_IMAGES
from nova_plugin_cloudflare.rerank import WORKERS_RERANK

ACCOUNT, VARIABLE = "cloudflare_account_id", "CLOUDFLARE_ACCOUNT_ID"
RESPONSES_MODELS = re.compile(r"@cf/openai/")
"""Models that the vendor serves through the Responses API as well."""
TOO_LONG = "context window limit"
RUN: Mapping[Operation, Dialect] = {
    "rerank": WORKERS_RERANK,
    "image_generation": WORKERS_IMAGES,
    "speech": WORKERS_SPEECH,
    "transcription": WORKERS_TRANSCRIPTION,
    "translation": WORKERS_TRANSLATION,
}
"""Operations that models are run for in their own words."""


class Cloudflare(OpenAICompatible):
    """`cloudflare/@cf/{vendor}/{model}`."""

    providers = ("cloudflare",)
    base_url = OWN
    api_base_env = ("CLOUDFLARE_API_BASE",)
    api_key_env = ("CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN")
    dialects: Mapping[Operation, Dialect] = {
        **{name: OPENAI_DIALECTS[name] for name in ("chat", "embedding")},
        **RUN,
    }
    natives: Mapping[str, Dialect] = RESPONSES
    settings_keys = (*OpenAICompatible.settings_keys, ACCOUNT)

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address and key. Raises ConfigurationError without an account or an address."""
        complete = super().complete(deployment, environ)
        if complete.api_base != OWN:
            return complete
        account = deployment.settings.get(ACCOUNT) or environ.get(VARIABLE, "").strip()
        if not account:
            raise ConfigurationError(
                f"provider {deployment.provider} needs `{ACCOUNT}` of {deployment.model}, the environment variable "
                f"{VARIABLE}, or an `api_base`"
            )
        return replace(complete, api_base=OWN.replace(f"{{{VARIABLE}}}", str(account)))

    def key(self, deployment: Deployment) -> str | None:
        """The key to send. Raises AuthenticationError when the vendor's own address is to be asked without one."""
        ours = urlsplit(deployment.api_base or "").netloc == urlsplit(OWN).netloc
        return super().key(replace(deployment, api_base=OWN) if ours else deployment)

    def native(self, dialect: str, deployment: Deployment) -> Dialect | None:
        """The Responses API, for the models that have it."""
        return super().native(dialect, deployment) if RESPONSES_MODELS.match(deployment.model) else None

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served; a base may end in any path of the vendor's API."""
        base = deployment.api_base or ""
        return run_url(base, deployment.model) if operation in RUN else openai_url(base, self.paths[operation])

    def native_url(self, deployment: Deployment, dialect: str) -> str:
        """The Responses API of the account."""
        return openai_url(deployment.api_base or "", "/responses")

    def to_upstream(self, request: Request) -> Request:
        """Models that are run in their own words are named by their address alone."""
        return request.without("model") if request.dialect in RUN.values() else super().to_upstream(request)

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request; audio is sent while it comes, in JSON to the models that take it so."""
        file = request.members.get("file")
        if not isinstance(file, File):
            return super().outgoing(lane, request, headers, streamed)
        if IN_JSON.search(lane.deployment.model):
            return UpstreamRequest(
                lane.url, "POST", headers, FileInJson("audio", file, request.without("file").members)
            )
        kept = tuple((name, value) for name, value in headers if name.lower() != "content-type")
        return UpstreamRequest(lane.url, "POST", (*kept, ("Content-Type", file.content_type)), file)

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """What a status means; prompts that are too long are told by the vendor's own words."""
        error = super().read_error(response)
        if TOO_LONG not in error.message or not isinstance(error, BadRequestError):
            return error
        longer = ContextWindowExceededError(error.message, status=error.status, headers=error.headers)
        longer.from_upstream = True
        return longer

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; what is ranked comes with its documents, where these are wanted back."""
        exchange = super().provider_call(call, request, deployment)
        return with_documents(exchange, request) if request.operation == "rerank" else exchange
