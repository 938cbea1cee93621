"""Vertex AI: the family of a deployment's model decides which API it is asked through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from nova_core.errors import ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request
from nova_core.types.upstream import Exchange
from nova_core.wire.gemini_api import RESOURCE, VERB
from nova_core.wire.provider import DialectProvider, Provider
from nova_plugin_vertex_ai.authorized import ADDRESS, CREDENTIALS, Keychain
from nova_plugin_vertex_ai.claude import VertexClaude
from nova_plugin_vertex_ai.cloud import RANKING_MODELS, SPEECH_MODELS, CloudRanking, CloudSpeech
from nova_plugin_vertex_ai.gemini import VertexGemini
from nova_plugin_vertex_ai.imagen import VertexImagen
from nova_plugin_vertex_ai.partners import VertexOpenModels
from nova_plugin_vertex_ai.places import LOCATION, PROJECT, PROJECT_ENV, host_of, location_of, stated
from nova_plugin_vertex_ai.raw_partners import MODELS as RAW_MODELS
from nova_plugin_vertex_ai.raw_partners import VertexRawPartners
from nova_plugin_vertex_ai.reading import ENVIRONMENT, as_text, read
from nova_plugin_vertex_ai.tokens import Tokens

IMAGEN = re.compile(r"(^|/)imagen")
CLAUDE = re.compile(r"(^|/)claude")
OPEN_MODELS = re.compile(r"^(meta|deepseek-ai|qwen|openai|minimaxai|moonshotai|zai-org|xai|mistralai)/|^google/gemma-")


class VertexAI(Provider):
    """`vertex_ai/…`: Gemini, Imagen, models of partners, open ones, and Google Cloud's models of speech and ranking.

    `vertex_ai_beta/…` asks Gemini's newest version.
    """

    providers = ("vertex_ai", "vertex_ai_beta")
    base_url = "https://{vertex_location|VERTEXAI_LOCATION}-aiplatform.googleapis.com"
    api_base_env: tuple[str, ...] = ()
    api_key_env = ENVIRONMENT
    settings_keys = (*CREDENTIALS, *PROJECT, *LOCATION)

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._keychain = Keychain(tokens)
        self._gemini = VertexGemini(self._keychain)
        self._others: tuple[tuple[re.Pattern[str], DialectProvider], ...] = (
            (CLAUDE, VertexClaude(self._keychain)),
            (IMAGEN, VertexImagen(self._keychain)),
            (SPEECH_MODELS, CloudSpeech(self._keychain)),
            (RANKING_MODELS, CloudRanking(self._keychain)),
            (OPEN_MODELS, VertexOpenModels(self._keychain)),
            (RAW_MODELS, VertexRawPartners(self._keychain)),
        )

    def family(self, model: str) -> DialectProvider:
        """Who speaks for a model."""
        return next((each for models, each in self._others if models.search(model)), self._gemini)

    def operations(self, model: str) -> frozenset[str]:
        """What the model's family serves; without a model, what any of them does."""
        families = (self.family(model),) if model else (self._gemini, *(each for _, each in self._others))
        return frozenset().union(*(each.operations(model) for each in families))

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, project, location and credentials. Raises ConfigurationError when one of them is missing."""
        settings = dict(deployment.settings)
        location = location_of(deployment, environ)
        base = deployment.api_base or host_of(location)
        if not base.startswith(("http://", "https://")):
            raise ConfigurationError(f"`api_base` of {deployment.model} must start with http:// or https://")
        project = stated(settings, PROJECT) or stated(environ, PROJECT_ENV)
        if deployment.api_key is None or not deployment.api_key.reveal():
            found_project = self._learn(settings, environ)
            project = project or found_project
            whole = RESOURCE.search(VERB.sub("", urlsplit(base).path.rstrip("/"))) or "/projects/" in base
            if project is None and not whole:
                raise ConfigurationError(
                    f"the project of {deployment.model} is not known: set `vertex_project`"
                    f", or the environment variable {' or '.join(PROJECT_ENV)}"
                )
        settings |= {LOCATION[0]: location, ADDRESS: base} | ({PROJECT[0]: project} if project is not None else {})
        return replace(deployment, api_base=base, settings=settings)

    def _learn(self, settings: dict[str, Any], environ: Mapping[str, str]) -> str | None:
        """Read the credentials, put their text where calls look for it, and answer their project."""
        given = next((settings[name] for name in CREDENTIALS if settings.get(name)), None)
        text = as_text(given, environ)
        found = read(text, environ)
        self._keychain.learn(text, found.credentials)
        settings[CREDENTIALS[0]] = text
        return found.project

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Raises UnsupportedParamsError, BadRequestError, AuthenticationError."""
        base_model = deployment.info.get("base_model")
        named = base_model if isinstance(base_model, str) else deployment.model
        return self.family(named).provider_call(call, request, deployment)
