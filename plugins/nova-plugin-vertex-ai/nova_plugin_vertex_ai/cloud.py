"""Google Cloud's APIs of speech and of ranking, which are served beside Vertex AI to the same credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.file_in_json import FilesInJson
from nova_core.wire.provider import Lane
from nova_core.wire.ranking_format import with_places
from nova_core.wire.spoken_json import as_asked
from nova_plugin_vertex_ai.authorized import Authorized
from nova_plugin_vertex_ai.credentials import AuthorizedUser
from nova_plugin_vertex_ai.places import DEFAULT_LOCATION, GEOGRAPHIES, GLOBAL, LOCATION, PROJECT, host_of, stated
from nova_plugin_vertex_ai.ranking import GOOGLE_RANKING
from nova_plugin_vertex_ai.recognition import GOOGLE_RECOGNITION
from nova_plugin_vertex_ai.synthesis import GOOGLE_SYNTHESIS

SPEECH_MODELS: Final = re.compile(
    r"^($|chirp|cloud-tts|latest_|medical_|telephony|(long|short)$|[a-z]{2,3}-[A-Z]{2}(-|$))"
)
"""Models of the APIs of speech; the names of voices are models, too, and none at all is any voice."""
RANKING_MODELS: Final = re.compile(r"^semantic-ranker-")
USER_PROJECT: Final = "x-goog-user-project"
CONFIGURED: Final = ("model", "languageCodes", "features", "adaptation", "denoiserConfig", "transcriptNormalization")
"""Members of a transcription that stand in its configuration."""


class CloudService(Authorized):
    """An API at an address of its own, or below the base that the operator gives."""

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The token or key; users' own credentials say whose project is asked."""
        found = super().headers(deployment, call)
        project = stated(deployment.settings, PROJECT)
        keyed = deployment.api_key is not None and bool(deployment.api_key.reveal())
        if project is None or keyed or not isinstance(self._keychain.find(deployment), AuthorizedUser):
            return found
        return [*found, (USER_PROJECT, project)]

    def place(self, deployment: Deployment, own: str, path: str) -> str:
        """A path at the vendor's `own` address, or below a base that is not that of Vertex AI's models."""
        base = (deployment.api_base or "").rstrip("/")
        return f"{own if base == host_of(location_of(deployment)) else base.removesuffix(path)}{path}"


class CloudSpeech(CloudService):
    """Cloud Text-to-Speech (`text:synthesize`) and Speech-to-Text (`recognizers/_:recognize`)."""

    dialects: Mapping[Operation, Dialect] = {"speech": GOOGLE_SYNTHESIS, "transcription": GOOGLE_RECOGNITION}

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Voices are global, or of a geography; recognizers have a location."""
        location = location_of(deployment)
        if operation == "speech":
            place = f"{location}-" if location in GEOGRAPHIES else ""
            return self.place(deployment, f"https://{place}texttospeech.googleapis.com", "/v1/text:synthesize")
        place = "" if location == GLOBAL else f"{location}-"
        path = f"/v2/projects/{project_of(deployment)}/locations/{location}/recognizers/_:recognize"
        return self.place(deployment, f"https://{place}speech.googleapis.com", path)

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """A file is sent as it comes, in the JSON, after its configuration; a voice says the model of speech."""
        members = plain(request.without("stream").members)
        if lane.dialect.operation == "speech":
            return UpstreamRequest(lane.url, "POST", headers, request.without("model", "stream").encode(), streamed)
        config: dict[str, Any] = {"autoDecodingConfig": {}}
        config |= {name: members.pop(name) for name in CONFIGURED if name in members}
        return UpstreamRequest(lane.url, "POST", headers, FilesInJson({"config": config, **members}), streamed)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; audio is of the type that was asked for."""
        return as_asked(super().provider_call(call, request, deployment), request)


class CloudRanking(CloudService):
    """`rankingConfigs/default_ranking_config:rank`, which is global."""

    dialects: Mapping[Operation, Dialect] = {"rerank": GOOGLE_RANKING}

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The project's configuration of ranking, which every project has."""
        place = f"/v1/projects/{project_of(deployment)}/locations/global/rankingConfigs"
        return self.place(deployment, "https://discoveryengine.googleapis.com", f"{place}/default_ranking_config:rank")

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; documents come back where the caller wants them."""
        return with_places(super().provider_call(call, request, deployment), request)


def location_of(deployment: Deployment) -> str:
    """The location that the deployment was completed with."""
    return stated(deployment.settings, LOCATION) or DEFAULT_LOCATION


def project_of(deployment: Deployment) -> str:
    """The project. Raises ConfigurationError without one."""
    if (project := stated(deployment.settings, PROJECT)) is None:
        raise ConfigurationError(f"set `vertex_project` for {deployment.model}, or the environment's VERTEXAI_PROJECT")
    return project
