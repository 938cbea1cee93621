"""Oracle Cloud's generative AI: requests signed by a user's key, in one of three formats."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from nova_core.errors import AuthenticationError, ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.drop_policy import review
from nova_core.wire.enveloped import TEXT_ONLY, Body, Enveloped, failure, unsaid
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import Lane
from nova_core.wire.ranking_format import with_places
from nova_plugin_oci import cohere, cohere_v2, generic
from nova_plugin_oci.embedding import embeddings_of, embeddings_request, review_embeddings
from nova_plugin_oci.ranking import OCI_RANKING
from nova_plugin_oci.signing import Signer, key_in_file, signed, signer_of
from nova_plugin_oci.streaming import Opener

VARIABLES: Mapping[str, str] = {
    "oci_region": "OCI_REGION",
    "oci_compartment_id": "OCI_COMPARTMENT_ID",
    "oci_tenancy": "OCI_TENANCY",
    "oci_user": "OCI_USER",
    "oci_fingerprint": "OCI_FINGERPRINT",
    "oci_key": "OCI_KEY",
    "oci_key_file": "OCI_KEY_FILE",
    "oci_key_passphrase": "OCI_KEY_PASSPHRASE",
    "oci_endpoint_id": "OCI_ENDPOINT_ID",
}
"""Settings of a deployment, and the environment variables that stand in for them."""
DOMAINS: Mapping[str, str] = {
    "us-langley-1": "oraclegovcloud.com",
    "us-luke-1": "oraclegovcloud.com",
    "us-gov-": "oraclegovcloud.com",
    "uk-gov-": "oraclegovcloud.uk",
    "eu-frankfurt-2": "oraclecloud.eu",
    "eu-madrid-2": "oraclecloud.eu",
}
"""Domains of regions outside of the commercial realm, by how their names begin."""
DEDICATED = "ocid1.generativeaiendpoint."
COHERE = "cohere."
NEVER = frozenset({"modalities", "audio"})
NOT_OF_COHERE = frozenset({"n", "logit_bias", "logprobs", "top_logprobs", "reasoning_effort", "web_search_options"})
NOT_OF_COHERE_V2 = NOT_OF_COHERE - {"reasoning_effort"}
SEEN = TEXT_ONLY | {"image_url"}
THOUGHT = frozenset({"reasoning_content"})
HINTS = frozenset({"user", "store", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"})
HINTS_OF_COHERE = frozenset({"metadata", "verbosity", "service_tier", "prediction"})
MOST_KEYS = 100


class Oci(Enveloped):
    """`oci/{model}`; a model that is the id of an endpoint is served by the cluster behind it."""

    providers = ("oci",)
    base_url = "https://inference.generativeai.{oci_region|OCI_REGION}.oci.oraclecloud.com"
    key_required = False
    functions_only = True
    settings_keys = (*Enveloped.settings_keys, *VARIABLES)
    dialects: Mapping[Operation, Dialect] = {
        "chat": OPENAI_CHAT,
        "embedding": OPENAI_EMBEDDINGS,
        "rerank": OCI_RANKING,
    }
    enveloped = frozenset({"chat", "embedding"})
    paths: Mapping[Operation, str] = {
        "chat": "/20231130/actions/chat",
        "embedding": "/20231130/actions/embedText",
        "rerank": "/20231130/actions/rerankText",
    }

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._keys: dict[Signer, RSAPrivateKey] = {}

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Region, compartment and key. Raises ConfigurationError when one is missing or cannot be read."""
        found = {name: environ[said].strip() for name, said in VARIABLES.items() if environ.get(said, "").strip()}
        settings = {**found, **{name: value for name, value in deployment.settings.items() if value is not None}}
        if not settings.get("oci_key") and (path := settings.get("oci_key_file")):
            settings["oci_key"] = key_in_file(str(path))
        region, model = settings.get("oci_region"), deployment.model
        if not deployment.api_base and not region:
            raise ConfigurationError(f"set `oci_region` or `api_base` for {model}, or the environment's OCI_REGION")
        if not settings.get("oci_compartment_id"):
            raise ConfigurationError(f"set `oci_compartment_id` for {model}, or the environment's OCI_COMPARTMENT_ID")
        base = deployment.api_base or f"https://inference.generativeai.{region}.oci.{_domain(str(region))}"
        return super().complete(replace(deployment, api_base=base, settings=settings), environ)

    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """None before the body is known. Raises AuthenticationError when nothing can be signed with."""
        self._signer(deployment)
        return []

    def review(self, request: Request) -> Fidelity:
        """What the model's format has no word for."""
        if request.dialect.operation == "embedding":
            return super().review(request) + review_embeddings(request)
        found = super().review(request)
        if request.dialect.operation == "rerank":
            return found
        if cohere_v2.MODELS.match(request.model):
            found += review(request.members, sorted(NEVER | NOT_OF_COHERE_V2), sorted(HINTS | HINTS_OF_COHERE))
            return found + Fidelity((*_unsaid(request, SEEN, THOUGHT), *_thinks(request), *_parallel(request)))
        if not _is_cohere(request.model):
            found += review(request.members, sorted(NEVER), sorted(HINTS))
            return found + Fidelity((*_unsaid(request, SEEN), *_effort(request)))
        found += review(request.members, sorted(NEVER | NOT_OF_COHERE), sorted(HINTS | HINTS_OF_COHERE))
        return found + Fidelity((*_unsaid(request, TEXT_ONLY), *_cohere_tools(request)))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """The details of a chat or of embeddings, around the request in the model's format."""
        members, place = plain(request.members), _place(lane.deployment)
        if request.dialect.operation == "embedding":
            return {**place, **embeddings_request(members)}
        said = _rendered(lane.deployment.model, members)
        if streamed:
            said |= {"isStream": True, "streamOptions": {"isIncludeUsage": True}}
        return {**place, "chatRequest": said}

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request with its signature. Raises AuthenticationError when nothing can be signed with."""
        if lane.dialect is OCI_RANKING:
            request = request.without("model").with_members(_place(lane.deployment))
        made = super().outgoing(lane, request, headers, streamed)
        signer = self._signer(lane.deployment)
        if signer not in self._keys:
            if len(self._keys) >= MOST_KEYS:
                self._keys.clear()
            self._keys[signer] = signer.key()
        assert isinstance(made.body, bytes)
        proof = signed(made.url, made.body, signer.key_id, self._keys[signer], self._clock())
        return msgspec.structs.replace(made, headers=(*headers, *proof))

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """A reply of either format, or embeddings."""
        if operation == "embedding":
            return embeddings_of(answer)
        if "chatResponse" not in answer:
            return failure(answer.get("message"), answer.get("code"))
        said = answer["chatResponse"]
        if said.get("errorMessage"):
            return failure(said["errorMessage"])
        reply = _opened(said)
        head = {"id": f"chatcmpl-{uuid4().hex}", "object": "chat.completion", "created": int(self._clock())}
        return {**head, "model": answer.get("modelId") or "", **reply}

    def opener(self, seed: str) -> Opener:
        """What reads one stream."""
        return Opener(seed)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors and documents are sent on as the caller wants them."""
        exchange = super().provider_call(call, request, deployment)
        if request.operation == "rerank":
            return with_places(exchange, request)
        return in_asked_coding(request, exchange) if request.operation == "embedding" else exchange

    def _signer(self, deployment: Deployment) -> Signer:
        signer = signer_of(deployment.settings)
        if signer is None:
            raise AuthenticationError(
                f"no key for provider {deployment.provider}: the operator must set `oci_tenancy`, `oci_user`, "
                f"`oci_fingerprint` and `oci_key` or `oci_key_file` for {deployment.model}, or the environment "
                "variables OCI_TENANCY, OCI_USER, OCI_FINGERPRINT and OCI_KEY or OCI_KEY_FILE",
                code="missing_api_key",
            )
        return signer


def _domain(region: str) -> str:
    return next((domain for start, domain in DOMAINS.items() if region.startswith(start)), "oraclecloud.com")


def _is_cohere(model: str) -> bool:
    return model.startswith(COHERE)


def _place(deployment: Deployment) -> Body:
    """Whose model, and which one, is asked."""
    endpoint = deployment.settings.get("oci_endpoint_id") or (
        deployment.model if deployment.model.startswith(DEDICATED) else None
    )
    serving = {"servingType": "ON_DEMAND", "modelId": deployment.model}
    if endpoint:
        serving = {"servingType": "DEDICATED", "endpointId": str(endpoint)}
    return {"compartmentId": deployment.settings["oci_compartment_id"], "servingMode": serving}


def _rendered(model: str, members: Mapping[str, Any]) -> Body:
    """A request in the model's format."""
    if cohere_v2.MODELS.match(model):
        return cohere_v2.rendered(members)
    return cohere.rendered(members) if _is_cohere(model) else generic.rendered(members)


def _opened(answer: Mapping[str, Any]) -> Body:
    """A reply of any of the formats."""
    if "choices" in answer:
        return generic.reply_of(answer)
    return cohere_v2.reply_of(answer) if "message" in answer else cohere.reply_of(answer)


def _unsaid(request: Request, parts: frozenset[str], more: frozenset[str] = frozenset()) -> Iterator[FieldNote]:
    members = frozenset({"role", "content", "tool_calls", "tool_call_id", "name"}) | more
    yield from unsaid(request, "messages hold text and, for some models, images", parts=parts, members=members)


def _thinks(request: Request) -> Iterator[FieldNote]:
    if (effort := request.get("reasoning_effort")) not in (None, "none"):
        yield FieldNote("reasoning_effort", Fate.APPROXIMATED, f"thinking is on or off, not {effort}")


def _effort(request: Request) -> Iterator[FieldNote]:
    if isinstance(effort := request.get("reasoning_effort"), str) and effort in generic.EFFORTS:
        yield FieldNote("reasoning_effort", Fate.APPROXIMATED, f"sent as {generic.EFFORTS[effort]}")


def _cohere_tools(request: Request) -> Iterator[FieldNote]:
    choice = request.get("tool_choice")
    if choice == "required" or isinstance(choice, Mapping):
        yield FieldNote("tool_choice", Fate.LOST, "the model decides whether it calls a tool")
    yield from _parallel(request)
    if request.get("tools"):
        yield FieldNote("tools", Fate.APPROXIMATED, "nested parameters are described in words")


def _parallel(request: Request) -> Iterator[FieldNote]:
    if (parallel := request.get("parallel_tool_calls")) is not None:
        yield FieldNote("parallel_tool_calls", Fate.HINT if parallel else Fate.LOST, "the model decides how many")
