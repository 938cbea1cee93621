"""OpenAI's API, and the prefix that asks for its older completions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from urllib.parse import urlsplit

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.reasoning_models import family_of, for_reasoning, review_reasoning, takes_no_effort
from nova_core.wire.openai_chat.replayed import carries_added, review_added, without_added
from nova_core.wire.openai_compatible import (
    BESIDE_RESPONSES,
    EDITS_IN_JSON,
    EDITS_IN_JSON_PATHS,
    MEDIA_DIALECTS,
    OPENAI_DIALECTS,
    RESPONSES,
    RESPONSES_PATHS,
    OpenAICompatible,
)
from nova_core.wire.openai_responses import OPENAI_RESPONSES
from nova_core.wire.provider import of_deployment
from nova_core.wire.restored_names import FittingNames
from nova_core.wire.through_responses import InResponses, asked_there, placed

SCOPES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "organization": ("OpenAI-Organization", ("OPENAI_ORGANIZATION", "OPENAI_ORG_ID")),
    "project": ("OpenAI-Project", ("OPENAI_PROJECT", "OPENAI_PROJECT_ID")),
}
"""Setting of a deployment → its header, and the environment variables that stand in for it."""
OWN = re.compile(r"(ft:)?(gpt-(?!oss)|chatgpt-|o\d)")
"""Names of the vendor's own models; other servers that this provider is pointed at have others, and take thoughts."""


OWN_HOST = re.compile(r"(^|\.)openai\.com$")
"""Where the vendor serves its models itself, in one region or another."""


class OpenAI(FittingNames, OpenAICompatible):
    """`openai/…`: chat, completions, embeddings, images, audio, and Responses for callers who speak it."""

    providers: tuple[str, ...] = ("openai",)
    base_url = "https://api.openai.com/v1"
    api_base_env = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
    api_key_env = ("OPENAI_API_KEY",)
    dialects: Mapping[Operation, Dialect] = {
        **OPENAI_DIALECTS,
        **{operation: dialect for operation, dialect in MEDIA_DIALECTS.items() if operation != "rerank"},
    }
    natives: Mapping[str, Dialect] = {**RESPONSES, **BESIDE_RESPONSES, **EDITS_IN_JSON}
    native_paths: Mapping[str, str] = {**RESPONSES_PATHS, **EDITS_IN_JSON_PATHS}
    knows_developer = True

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address and key, and the organization and project that the key is used for."""
        complete = placed(super().complete(deployment, environ))
        scopes = {
            setting: value
            for setting, (_, names) in SCOPES.items()
            if setting not in complete.settings and (value := next((environ[n] for n in names if environ.get(n)), None))
        }
        return replace(complete, settings={**complete.settings, **scopes}) if scopes else complete

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key, and organization and project where set."""
        scopes = [
            (header, str(deployment.settings[setting]))
            for setting, (header, _) in SCOPES.items()
            if deployment.settings.get(setting)
        ]
        return [*super().headers(deployment, call), *scopes]

    def untouched(self, request: Request) -> bool:
        """See `DialectProvider.untouched`."""
        known = family_of(request.model) is None and not takes_no_effort(request)
        return known and not _adds(request) and super().untouched(request)

    def review(self, request: Request) -> Fidelity:
        """What the vendor refuses, in messages too, and what its reasoning models refuse."""
        found = super().review(request)
        if request.dialect.name not in (OPENAI_CHAT.name, OPENAI_RESPONSES.name):
            return found
        if _adds(request):
            found += Fidelity(tuple(review_added(request)))
        return found + review_reasoning(request)

    def to_upstream(self, request: Request) -> Request:
        """Reasoning models name and take some members differently."""
        request = super().to_upstream(request)
        if request.dialect.name != OPENAI_CHAT.name:
            return request
        return for_reasoning(without_added(request) if _adds(request) else request)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, of some chats in the Responses API."""
        own = is_own(deployment.api_base or "")
        if "chat" in self.dialects and asked_there(request, deployment, deployment.model, vendors_own=own):
            return self._in_responses.provider_call(call, request, deployment)
        return super().provider_call(call, request, deployment)

    @cached_property
    def _in_responses(self) -> OpenAI:
        return OpenAIInResponses()


class OpenAIInResponses(InResponses, OpenAI):
    """The models of `openai/…`, asked in the Responses API whatever the caller speaks."""

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt."""
        return super(OpenAI, self).provider_call(call, request, deployment)


@lru_cache(maxsize=1000)
def is_own(base: str) -> bool:
    """Whether an address is the vendor's."""
    return OWN_HOST.search(urlsplit(base).hostname or "") is not None


def _adds(request: Request) -> bool:
    """Whether messages for one of the vendor's own models, which take no others, bring what other providers added."""
    return request.dialect.name == OPENAI_CHAT.name and OWN.match(request.model) is not None and carries_added(request)


class TextCompletionOpenAI(OpenAI):
    """`text-completion-openai/…`: everything goes to `/completions`.

    A chat of instructions and one question becomes a prompt; a longer one is refused by name (`messages`), or
    joined into one prompt where the operator allows dropping.
    """

    providers = ("text-completion-openai",)
    dialects: Mapping[Operation, Dialect] = {"completion": OPENAI_DIALECTS["completion"]}
    natives: Mapping[str, Dialect] = {}
