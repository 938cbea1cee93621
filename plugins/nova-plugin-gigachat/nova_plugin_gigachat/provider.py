"""GigaChat: OpenAI's chat in many words, with functions where that has tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.enveloped import HINTS as ENVELOPE_HINTS
from nova_core.wire.enveloped import SAMPLING, TEXT_ONLY, Body, unsaid
from nova_core.wire.granted import Grant, Granted
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import Lane
from nova_plugin_gigachat.access import AUTH_URL, SCOPE, AuthorizationKey, is_authorization_key
from nova_plugin_gigachat.answers import Opener, opened, with_usage
from nova_plugin_gigachat.asking import EFFORTS, attached, can_choose, rendered
from nova_plugin_gigachat.uploads import Uploading

VARIABLES: Mapping[str, tuple[str, str]] = {
    "gigachat_scope": ("GIGACHAT_SCOPE", SCOPE),
    "gigachat_auth_url": ("GIGACHAT_AUTH_URL", AUTH_URL),
}
"""Settings of a deployment, the environment variables that stand in for them, and what is said without either."""
PARTS = TEXT_ONLY | {"file", "image_url"}
UPLOADED = "images are sent as data, and files by the ids that uploading them gave"


class GigaChat(Granted, Uploading):
    """`gigachat/{model}`. The key is an authorization key, exchanged for tokens, or an access token."""

    providers = ("gigachat",)
    base_url = "https://gigachat.devices.sberbank.ru/api/v1"
    api_base_env = ("GIGACHAT_API_BASE",)
    api_key_env = ("GIGACHAT_CREDENTIALS", "GIGACHAT_API_KEY", "GIGACHAT_ACCESS_TOKEN")
    settings_keys = (*Uploading.settings_keys, *VARIABLES)
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT, "embedding": OPENAI_EMBEDDINGS}
    unsupported = (SAMPLING - {"temperature", "top_p", "n"}) | {"modalities", "audio", "web_search_options"}
    hints = ENVELOPE_HINTS

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, key, scope and the address of the token service."""
        said = {
            name: deployment.settings.get(name) or environ.get(variable, "").strip() or usual
            for name, (variable, usual) in VARIABLES.items()
        }
        return super().complete(replace(deployment, settings={**deployment.settings, **said}), environ)

    def grant(self, deployment: Deployment) -> Grant | None:
        """The authorization key; None where there is an access token."""
        key = deployment.api_key
        if key is None or not is_authorization_key(key.reveal()):
            return None
        said = deployment.settings
        return AuthorizationKey(
            key, str(said.get("gigachat_scope", SCOPE)), str(said.get("gigachat_auth_url", AUTH_URL))
        )

    def review(self, request: Request) -> Fidelity:
        """What the vendor has no word for."""
        found = super().review(request)
        check = self._embedding if request.dialect.operation == "embedding" else self._chat
        return found + Fidelity(tuple(check(request)))

    def _chat(self, request: Request) -> Iterator[FieldNote]:
        yield from unsaid(request, UPLOADED, parts=PARTS)
        yield from _without_id(request)
        if not can_choose(request.get("tool_choice"), request.get("tools")):
            yield FieldNote("tool_choice", Fate.LOST, "which of several functions is called is left to the model")
        if (parallel := request.get("parallel_tool_calls")) is not None:
            yield FieldNote("parallel_tool_calls", Fate.HINT if parallel else Fate.MAPPED, "one call is made at a time")
        wanted = request.get("response_format")
        if isinstance(wanted, Mapping) and wanted.get("type") == "json_object":
            yield FieldNote("response_format", Fate.LOST, "JSON is asked for by its schema")
        effort = request.get("reasoning_effort")
        if effort == "none":
            yield FieldNote("reasoning_effort", Fate.LOST, "thinking cannot be switched off")
        elif isinstance(effort, str) and effort in EFFORTS:
            yield FieldNote("reasoning_effort", Fate.APPROXIMATED, f"sent as {EFFORTS[effort]}")

    def _embedding(self, request: Request) -> Iterator[FieldNote]:
        if request.get("dimensions") is not None:
            yield FieldNote("dimensions", Fate.LOST, "models have one width")
        if request.get("user") is not None:
            yield FieldNote("user", Fate.HINT)

    def to_upstream(self, request: Request) -> Request:
        """Texts to embed are always a list; vectors are encoded on the way back."""
        request = super().to_upstream(request)
        if request.dialect.operation != "embedding":
            return request
        given = request.get("input")
        return request.without("encoding_format").with_members({"input": [given] if isinstance(given, str) else given})

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The body with functions."""
        return rendered(request)

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The reply."""
        return opened(answer, uuid4().hex)

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return Opener(seed)

    def from_upstream(self, reply: Reply) -> Reply:
        """Embeddings with their usage in one place."""
        reply = super().from_upstream(reply)
        if reply.dialect.operation != "embedding" or reply.get("usage"):
            return reply
        usage = with_usage({"data": reply.get("data")})
        return reply.with_members({"usage": usage}) if usage else reply

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors are sent on in base64 where the caller wants that."""
        exchange = super().provider_call(call, request, deployment)
        return in_asked_coding(request, exchange) if request.operation == "embedding" else exchange


def _without_id(request: Request) -> Iterator[FieldNote]:
    for place, message in enumerate(request.get("messages") or ()):
        content = message.get("content")
        for number, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, str):
                continue
            path = f"messages[{place}].content[{number}]"
            if message.get("role") in ("tool", "function") and part.get("type") not in TEXT_ONLY:
                yield FieldNote(path, Fate.LOST, "functions answer with text")
            elif part.get("type") in PARTS - TEXT_ONLY and attached(part) is None:
                yield FieldNote(path, Fate.LOST, UPLOADED)
            if part.get("type") == "image_url" and (part.get("image_url") or {}).get("detail"):
                yield FieldNote(f"{path}.image_url.detail", Fate.HINT)
