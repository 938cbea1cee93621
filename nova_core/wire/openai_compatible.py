"""A provider that speaks OpenAI's API: Bearer key, chat completions, completions, embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Reply, Request
from nova_core.wire.body import as_bytes, holds
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_image_edits import OPENAI_IMAGE_EDITS
from nova_core.wire.openai_image_edits_json import OPENAI_IMAGE_EDITS_JSON
from nova_core.wire.openai_image_variations import OPENAI_IMAGE_VARIATIONS
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_moderations import OPENAI_MODERATIONS
from nova_core.wire.openai_responses import (
    OPENAI_COMPACTION,
    OPENAI_INPUT_TOKENS,
    OPENAI_RESPONSES,
    without_foreign_thoughts,
)
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS
from nova_core.wire.provider import DialectProvider, of_deployment

OPENAI_DIALECTS: Mapping[Operation, Dialect] = {
    "chat": OPENAI_CHAT,
    "completion": OPENAI_COMPLETIONS,
    "embedding": OPENAI_EMBEDDINGS,
}
MEDIA_DIALECTS: Mapping[Operation, Dialect] = {
    "rerank": JINA_RERANK,
    "moderation": OPENAI_MODERATIONS,
    "image_generation": OPENAI_IMAGES,
    "speech": OPENAI_SPEECH,
    "image_edit": OPENAI_IMAGE_EDITS,
    "image_variation": OPENAI_IMAGE_VARIATIONS,
    "transcription": OPENAI_TRANSCRIPTIONS,
    "translation": OPENAI_TRANSLATIONS,
}
"""The dialects of operations that a vendor serves only if it says so."""
OPENAI_PATHS: Mapping[Operation, str] = {
    "chat": "/chat/completions",
    "completion": "/completions",
    "embedding": "/embeddings",
    "rerank": "/rerank",
    "moderation": "/moderations",
    "image_generation": "/images/generations",
    "speech": "/audio/speech",
    "image_edit": "/images/edits",
    "image_variation": "/images/variations",
    "transcription": "/audio/transcriptions",
    "translation": "/audio/translations",
}
COUNTED: frozenset[Operation] = frozenset({"chat", "completion"})
"""Operations whose streams state their usage when they are asked to."""
RESPONSES: Mapping[str, Dialect] = {OPENAI_RESPONSES.name: OPENAI_RESPONSES}
RESPONSES_PATHS: Mapping[str, str] = {
    OPENAI_RESPONSES.name: "/responses",
    OPENAI_INPUT_TOKENS.name: "/responses/input_tokens",
    OPENAI_COMPACTION.name: "/responses/compact",
}
BESIDE_RESPONSES: Mapping[str, Dialect] = {
    OPENAI_INPUT_TOKENS.name: OPENAI_INPUT_TOKENS,
    OPENAI_COMPACTION.name: OPENAI_COMPACTION,
}
"""Counting and compacting what the Responses API is to answer, which few of its vendors serve."""
DEVELOPER = b'"developer"'
REASONING = b'"reasoning"'
CACHE_CONTROL = b'"cache_control"'
MARKABLE = ("messages", "tools")
"""Members that may hold marks of prompt caching."""
EDITS_IN_JSON: Mapping[str, Dialect] = {OPENAI_IMAGE_EDITS_JSON.name: OPENAI_IMAGE_EDITS_JSON}
EDITS_IN_JSON_PATHS: Mapping[str, str] = {OPENAI_IMAGE_EDITS_JSON.name: OPENAI_PATHS["image_edit"]}
CHAT_ONLY = "use_chat_completions_api"
"""Setting of a deployment: its server has no Responses API, whatever its provider has."""


class OpenAICompatible(DialectProvider):
    """An OpenAI-wire vendor. Subclasses narrow `dialects` to what the vendor serves; one that serves the Responses
    API has `RESPONSES` among its `natives`.

    `keeps_cache_control` says that the vendor reads `cache_control` marks in messages and tools; elsewhere
    they are left out (and named), because strict vendors refuse members they do not know. `knows_developer` says that
    it knows the role `developer`, which is `system` everywhere else.
    """

    dialects = OPENAI_DIALECTS
    paths = OPENAI_PATHS
    keeps_cache_control: bool = False
    knows_developer: bool = False
    settings_keys: tuple[str, ...] = (CHAT_ONLY,)

    def native(self, dialect: str, deployment: Deployment) -> Dialect | None:
        """The Responses API, unless the deployment's server lacks it."""
        return None if deployment.settings.get(CHAT_ONLY) else super().native(dialect, deployment)

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Bearer`, when there is a key."""
        key = self.key(deployment)
        return [("Authorization", f"Bearer {key}")] if key else []

    def untouched(self, request: Request) -> bool:
        """See `DialectProvider.untouched`."""
        members = request.members
        if not self._watched.isdisjoint(members):
            return False
        if self.knows_developer and self.keeps_cache_control:
            return True
        messages = as_bytes(members.get("messages"))
        if not self.knows_developer and messages.rfind(DEVELOPER) >= 0:  # searched as `holds` does
            return False
        return self.keeps_cache_control or (
            messages.rfind(CACHE_CONTROL) < 0 and not ("tools" in members and self._is_marked(request))
        )

    def review(self, request: Request) -> Fidelity:
        """Unsupported members, and a role and marks of prompt caching that the vendor does not know."""
        found = super().review(request)
        if self._names_developer(request):
            found += Fidelity(tuple(_developers(request)))
        if self.keeps_cache_control or request.dialect.operation != "chat" or not self._is_marked(request):
            return found
        return found + Fidelity(tuple(_cache_marks(request)))

    def to_upstream(self, request: Request) -> Request:
        """Leave out marks of prompt caching, and of a conversation's thoughts those of other providers."""
        if request.dialect.name in RESPONSES_PATHS:
            return without_foreign_thoughts(request)
        if self._names_developer(request):
            request = request.with_members({"messages": [_instructing(each) for each in request.get("messages")]})
        if self.keeps_cache_control or request.dialect.operation != "chat" or not self._is_marked(request):
            return request
        clean = {
            name: without_key(request.get(name), "cache_control")
            for name in MARKABLE
            if mentions(request, name, "cache_control")
        }
        return request.with_members(clean) if clean else request

    def _names_developer(self, request: Request) -> bool:
        """Whether a message may have a role that the vendor does not know."""
        return (
            not self.knows_developer
            and request.dialect.name == OPENAI_CHAT.name
            and holds(as_bytes(request.members.get("messages")), DEVELOPER)
        )

    def _is_marked(self, request: Request) -> bool:
        """Whether a request may be marked for prompt caching."""
        members = request.members
        return any(holds(as_bytes(members[name]), CACHE_CONTROL) for name in MARKABLE if name in members)

    def with_usage(self, request: Request) -> Request:
        """Usage in the last chunk of a stream, unless the vendor has no use for the option."""
        always = request.dialect.name == OPENAI_RESPONSES.name or request.dialect.operation not in COUNTED
        if always or "stream_options" in {*self.hints, *self.unsupported}:
            return request
        given = request.get("stream_options")
        options = given if isinstance(given, dict) else {}
        if options.get("include_usage") is True:
            return request
        return request.with_members({"stream_options": {**options, "include_usage": True}})

    def from_upstream(self, reply: Reply) -> Reply:
        """Some vendors' `reasoning` under its usual name, `reasoning_content`."""
        if reply.dialect.operation != "chat" or as_bytes(reply.members.get("choices")).rfind(REASONING) < 0:
            return reply
        return reply.with_members({"choices": [_renamed(choice) for choice in reply.get("choices")]})


def mentions(document: Request | Reply, member: str, word: str) -> bool:
    """Whether a member may hold `word`, such as a key; undecoded bytes are searched, not decoded."""
    value = document.members.get(member)
    if value is None:
        return False
    return holds(as_bytes(value), word.encode())


def without_key(value: Any, key: str) -> Any:
    """Messages or tools without `key`: on each item, on its function, and on each part of its content."""
    if isinstance(value, list):
        return [without_key(item, key) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: item for name, item in value.items() if name != key}
    for inner in ("content", "function"):
        if isinstance(kept.get(inner), list | dict):
            kept[inner] = without_key(kept[inner], key)
    return kept


def _is_developer(message: Any) -> bool:
    return isinstance(message, Mapping) and message.get("role") == "developer"


def _instructing(message: Any) -> Any:
    """The message, a developer's as the system's."""
    return {**message, "role": "system"} if _is_developer(message) else message


def _developers(request: Request) -> Iterator[FieldNote]:
    for place, message in enumerate(request.get("messages")):
        if _is_developer(message):
            yield FieldNote(f"messages[{place}].role", Fate.MAPPED, "developer is system")


def _renamed(choice: Any) -> Any:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict) or "reasoning_content" in message or not isinstance(message.get("reasoning"), str):
        return choice
    renamed = {("reasoning_content" if name == "reasoning" else name): value for name, value in message.items()}
    return {**choice, "message": renamed}


def _cache_marks(request: Request) -> Iterator[FieldNote]:
    for member in MARKABLE:
        if mentions(request, member, "cache_control"):
            for path in key_paths(request.get(member), "cache_control", member):
                yield FieldNote(path, Fate.HINT)


def key_paths(value: Any, key: str, path: str) -> Iterator[str]:
    """Where `without_key` finds `key`, such as `messages[0].content[1].cache_control`."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from key_paths(item, key, f"{path}[{place}]")
    elif isinstance(value, dict):
        if key in value:
            yield f"{path}.{key}"
        for inner in ("content", "function"):
            yield from key_paths(value.get(inner), key, f"{path}.{inner}")
