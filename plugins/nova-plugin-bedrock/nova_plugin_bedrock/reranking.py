"""Rerank, which Bedrock serves for all of its models at an address of its own."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, Reply, Request, TypedReply, TypedRequest, decoded
from nova_core.types.rerank import Document, Ranked, RerankReply, RerankRequest
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.types.usage import Units, Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.provider import Lane
from nova_core.wire.rerank_documents import with_documents
from nova_core.wire.sigv4.choosing import REGION
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_bedrock.names import read_name
from nova_plugin_bedrock.notes import Body
from nova_plugin_bedrock.signed import AGENT_RUNTIME, MODEL_ID, BearerOrSigned, at_host

NAME: Final = "bedrock_rerank"
NEXT: Final = "nextToken"
PATH: Final = "/rerank"


class BedrockRerank(UpstreamOnly):
    """`POST /rerank`; `model` is a member besides, of which the body makes an ARN."""

    name = NAME
    operation: Operation = "rerank"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream: texts, or objects of which all fields count, or those of `rank_fields`."""
        if not isinstance(typed, RerankRequest):
            raise BadRequestError("only a rerank can be sent as one")
        notes = ForeignNotes(own=False, dialect=self.name)
        notes.foreign(typed.extra)
        query = typed.query if isinstance(typed.query, str) else typed.query.get("text")
        if not isinstance(query, str):
            raise BadRequestError("`query` must be a text", param="query")
        settings: Body = {"modelConfiguration": {}}
        if typed.top_n is not None:
            settings["numberOfResults"] = min(typed.top_n, len(typed.documents))
        if typed.max_tokens_per_doc is not None:
            more = {"max_tokens_per_doc": typed.max_tokens_per_doc}
            settings["modelConfiguration"] = {"additionalModelRequestFields": more}
        if typed.max_chunks_per_doc is not None:
            notes.hint("max_chunks_per_doc", "`max_tokens_per_doc` bounds documents here")
        members = {
            "model": typed.model,
            "queries": [{"type": "TEXT", "textQuery": {"text": query}}],
            "sources": [_source(document, typed.rank_fields) for document in typed.documents],
            "rerankingConfiguration": {
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": settings,
            },
            **typed.extra.get(self.name, {}),
        }
        return members, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Results. Raises BadGatewayError."""
        if not isinstance(decoded(members.get("results")), list):
            raise BadGatewayError("the upstream's answer has no `results`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `RerankReply`. Raises BadGatewayError."""
        self.check_reply(members)
        try:
            results = tuple(Ranked(each["index"], each["relevanceScore"]) for each in members["results"])
        except (KeyError, TypeError) as error:
            raise BadGatewayError("the upstream's results have no index and score") from error
        return RerankReply("", results, usage=self.usage_of(members))

    def usage_of(self, members: Members) -> Usage:
        """One query: the vendor does not say how many it bills."""
        return Usage(units=Units(queries=1.0))


class Rerank(BearerOrSigned):
    """The family of models that rank."""

    dialects: Mapping[Operation, Dialect] = {"rerank": BedrockRerank()}

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """`/rerank` at the vendor's neighbouring host, or below the operator's own address."""
        parts = urlsplit(at_host(deployment.api_base or "", AGENT_RUNTIME))
        path = parts.path.rstrip("/").removesuffix(PATH) + PATH
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request with the model's ARN. Raises AuthenticationError when there are no credentials."""
        body = {name: decoded(value) for name, value in request.members.items() if name != "model"}
        models = body["rerankingConfiguration"]["bedrockRerankingConfiguration"]["modelConfiguration"]
        models["modelArn"] = _arn(lane.deployment)
        return self.signed_request(lane, lane.url, headers, msgspec.json.encode(body), streamed=False)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, in as many exchanges as there are pages; documents come back where the caller wants them."""
        ask = super().provider_call
        pages = _Pages(request, lambda page: ask(call, page, deployment))
        return with_documents(pages.next(request), request)


class _Pages:
    """What was answered so far, and how the rest is asked for."""

    def __init__(self, request: Request, ask: Callable[[Request], Exchange]) -> None:
        self._request = request
        self._ask = ask
        self._found: tuple[Ranked, ...] = ()

    def next(self, page: Request) -> Exchange:
        """The exchange for a page, which leads to the ones after it."""
        exchange = self._ask(page)
        return msgspec.structs.replace(exchange, read=partial(self._read, exchange.read))

    def _read(
        self, read: Callable[[UpstreamResponse], Reply | Exchange], response: UpstreamResponse
    ) -> Reply | Exchange:
        reply = read(response)
        if isinstance(reply, Exchange):
            return msgspec.structs.replace(reply, read=partial(self._read, reply.read))
        typed, asked = reply.typed, self._request.typed
        assert isinstance(typed, RerankReply)
        assert isinstance(asked, RerankRequest)
        self._found += typed.results
        token = reply.get(NEXT)
        if isinstance(token, str) and token and typed.results:
            return self.next(self._request.with_typed(replace(asked, extra={**asked.extra, NAME: {NEXT: token}})))
        return reply.with_typed(replace(typed, results=self._found))


def _source(document: Document, rank_fields: tuple[str, ...] | None) -> Body:
    if isinstance(document, str):
        inline: Body = {"type": "TEXT", "textDocument": {"text": document}}
    elif rank_fields is None and document.keys() == {"text"}:
        inline = {"type": "TEXT", "textDocument": {"text": document["text"]}}
    else:
        counted = {name: value for name, value in document.items() if rank_fields is None or name in rank_fields}
        inline = {"type": "JSON", "jsonDocument": counted}
    return {"type": "INLINE", "inlineDocumentSource": inline}


def _arn(deployment: Deployment) -> str:
    stated = str(deployment.settings.get(MODEL_ID) or read_name(deployment.model).id)
    if stated.startswith("arn:"):
        return stated
    region = str(deployment.settings[REGION])
    partition = next((f"aws-{kind}" for kind in ("cn", "us-gov") if region.startswith(f"{kind}-")), "aws")
    return f"arn:{partition}:bedrock:{region}::foundation-model/{stated}"
