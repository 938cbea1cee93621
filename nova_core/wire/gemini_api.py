"""A provider that speaks Google's Gemini API: the model stands in the path, and a verb says what is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from nova_core.errors import NovaError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.events import Event
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Reply, Request, plain
from nova_core.types.upstream import Exchange, FrameParser, UpstreamRequest, UpstreamResponse
from nova_core.wire.assemble import assemble
from nova_core.wire.embedding_batches import in_batches
from nova_core.wire.file_in_json import FilesInJson
from nova_core.wire.gemini import GEMINI_BATCH_EMBED, GEMINI_COUNT_TOKENS, GEMINI_GENERATE
from nova_core.wire.gemini.config import CONFIG
from nova_core.wire.gemini.errors import read_error
from nova_core.wire.gemini.framing import ContentParser
from nova_core.wire.gemini.thinking import for_model
from nova_core.wire.passed_headers import public_headers
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import DialectProvider, Lane

GENERATE: Final = "generateContent"
VERBS: Final[Mapping[str, str]] = {
    GEMINI_GENERATE.name: GENERATE,
    GEMINI_COUNT_TOKENS.name: "countTokens",
    GEMINI_BATCH_EMBED.name: "batchEmbedContents",
}
"""What is asked, by dialect."""
MOST_EMBEDDED: Final = 100
STREAM_VERB: Final = "streamGenerateContent"
RESOURCE: Final = re.compile(r"/(models|endpoints|tunedModels)/[^/:]+$")
"""The end of a base that is a whole resource already: only the verb is appended."""
VERB: Final = re.compile(
    r":(generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents|predict|rawPredict|streamRawPredict)$"
)
"""What may stand at the end of a base that was copied from documentation."""
REQUESTS: Final = frozenset({"requests", "generateContentRequest", "generate_content_request"})
"""Members that hold requests, each with the name of its model."""
NOT_SENT: Final = ("model", "stream")
"""Members of a request that are said by its URL."""


class GeminiApi(DialectProvider):
    """Chat, token counts and embeddings. Subclasses say where a model lives, and who asks."""

    dialects: Mapping[Operation, Dialect] = {
        "chat": GEMINI_GENERATE,
        "count_tokens": GEMINI_COUNT_TOKENS,
        "embedding": GEMINI_BATCH_EMBED,
    }
    # Names of OpenAI's API, which a deployment's defaults may bring along.
    unsupported = frozenset({"logit_bias", "parallel_tool_calls"})
    hints = frozenset({"user", "metadata", "verbosity", "prompt_cache_key"})
    secret_headers = DialectProvider.secret_headers | {"x-goog-api-key"}

    def review(self, request: Request) -> Fidelity:
        """What the vendor refuses, and what is said nearly about thinking."""
        found = super().review(request)
        if for_model(request) is request:
            return found
        return found + Fidelity((FieldNote(f"{CONFIG}.thinkingConfig.thinkingLevel", Fate.APPROXIMATED, "a budget"),))

    def to_upstream(self, request: Request) -> Request:
        """Thinking as the model takes it, and its name wherever the request repeats it."""
        return with_own_name(for_model(request))

    def models_path(self, deployment: Deployment, base: str) -> str:
        """The path of the deployment's model, given the path of its base without a trailing slash."""
        return f"{base}/{resource_name(deployment.model)}"

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The model's address, to which the verb is appended."""
        parts = urlsplit(deployment.api_base or self.base_url or "")
        base = VERB.sub("", parts.path.rstrip("/"))
        path = base if RESOURCE.search(base) else self.models_path(deployment, base)
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    def most_embedded(self, model: str) -> int:
        """How many items a model embeds at once."""
        return MOST_EMBEDDED

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The verb says whether the answer is streamed, which is always asked for as events.

        What has no verb of its own is asked for as content is, whole; files are sent as they come, in the JSON.
        """
        if lane.dialect.name not in VERBS:
            return in_json(with_verb(lane.url, GENERATE), request, headers)
        verb = STREAM_VERB if streamed else VERBS[lane.dialect.name]
        url = with_verb(lane.url, verb, "alt=sse" if streamed else "")
        return UpstreamRequest(url, "POST", headers, request.without(*NOT_SENT).encode(), streamed)

    def frames(self, dialect: Dialect) -> FrameParser:
        """Events, or elements of an array."""
        return ContentParser() if dialect is GEMINI_GENERATE else super().frames(dialect)

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """A status of 400 and above, with the time after which to try again where the body says it."""
        return read_error(response)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt. Vectors are asked for in batches, and sent on in base64 where the caller wants that."""
        ask = super().provider_call
        if request.operation != "embedding":
            return ask(call, request, deployment)
        most = self.most_embedded(deployment.model)
        return in_asked_coding(request, in_batches(request, most, lambda batch: ask(call, batch, deployment)))

    def _read(self, dialect: Dialect, response: UpstreamResponse) -> Reply:
        """The reply; a whole array is what servers send that stream without events."""
        if dialect is GEMINI_GENERATE and response.status < 300 and response.body.lstrip().startswith(b"["):
            return _folded(response)
        return super()._read(dialect, response)


def resource_name(model: str) -> str:
    """`models/NAME`, unless the name says another collection."""
    named = model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
    return quote(named, safe="/@")


def with_own_name(request: Request) -> Request:
    """The request with the upstream's name of the model in what it holds of other requests, as the vendor demands."""
    if request.dialect not in (GEMINI_BATCH_EMBED, GEMINI_COUNT_TOKENS):
        return request
    name = resource_name(request.model)
    for key in REQUESTS.intersection(request.members):
        held = request.get(key)
        inner = held if isinstance(held, list) else [held]
        if any(isinstance(item, dict) and item.get("model") != name for item in inner):
            named = [{**item, "model": name} if isinstance(item, dict) else item for item in inner]
            return request.with_members({key: named if isinstance(held, list) else named[0]})
    return request


def with_verb(url: str, verb: str, query: str = "") -> str:
    """The address with `:verb` after its path, and more of a query."""
    parts = urlsplit(url)
    queries = "&".join(part for part in (parts.query, query) if part)
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path}:{verb}", queries, ""))


def in_json(url: str, request: Request, headers: tuple[tuple[str, str], ...]) -> UpstreamRequest:
    """A request whose files stand in its JSON, and are sent as they come."""
    return UpstreamRequest(url, "POST", headers, FilesInJson(plain(request.without(*NOT_SENT).members)))


def _folded(response: UpstreamResponse) -> Reply:
    """The pieces of a stream that came at once. Raises what is wrong with them."""
    parser, decoder = ContentParser(), GEMINI_GENERATE.decoder()
    events: list[Event] = []
    for frame in (*parser.feed(response.body), *parser.end()):
        events += decoder.decode(frame)
    events += decoder.end()
    return Reply("chat", GEMINI_GENERATE, typed=assemble(events), headers=public_headers(response.headers))
