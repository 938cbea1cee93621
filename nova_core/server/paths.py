"""The paths of the call routes: an exact table, and patterns for paths that carry the model's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, unquote

from nova_core.types.dialect import Dialect, TakesForms
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.cohere_rerank import COHERE_RERANK
from nova_core.wire.gemini import (
    GEMINI_BATCH_EMBED,
    GEMINI_COUNT_TOKENS,
    GEMINI_EMBED,
    GEMINI_GENERATE,
    GEMINI_GENERATE_ARRAY,
)
from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.openai_image_edits import OPENAI_IMAGE_EDITS
from nova_core.wire.openai_image_edits_json import OPENAI_IMAGE_EDITS_JSON
from nova_core.wire.openai_image_variations import OPENAI_IMAGE_VARIATIONS
from nova_core.wire.openai_images import OPENAI_IMAGES
from nova_core.wire.openai_moderations import OPENAI_MODERATIONS
from nova_core.wire.openai_responses import OPENAI_COMPACTION, OPENAI_INPUT_TOKENS, OPENAI_RESPONSES
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS

PREFIXES = ("/v1", "", "/openai/v1", "/openai")
VERB_PREFIXES = ("/v1beta/models/", "/v1/models/", "/models/")
JSON = "application/json"
EVENTS = b"sse"
"""The value of `alt` that asks for server-sent events."""
MODEL_PREFIXES = ("/openai/deployments/", "/engines/", "/v1/engines/")


@dataclass(frozen=True, slots=True)
class CallRoute:
    """An operation that callers may ask for in one dialect, under `suffix`.

    `streams` is what the path says about streaming, None where the body says it; `by_verb` is for suffixes that
    follow the model's name, whose key may stand in the query; `remembers` for those whose answers are kept. `prefixes`
    are what may stand before it; a model's name may, unless they are its own. `in_json` is the dialect of JSON bodies,
    where forms are not all that a route takes. `sockets` is for those that can be asked over a WebSocket, too.
    """

    suffix: str
    dialect: Dialect
    summary: str
    streams: bool | None = None
    by_verb: bool = False
    remembers: bool = False
    prefixes: tuple[str, ...] = PREFIXES
    in_json: Dialect | None = None
    sockets: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The route of one request; `model` is the name in the path, None when the body names it."""

    route: CallRoute
    model: str | None = None

    def sent_as(self, content_type: str) -> Found:
        """The same for a body of this content type."""
        if self.route.in_json is None or not content_type.lower().startswith(JSON):
            return self
        return replace(self, route=replace(self.route, dialect=self.route.in_json))


CALL_ROUTES = (
    CallRoute("/chat/completions", OPENAI_CHAT, "Chat (OpenAI)"),
    CallRoute("/completions", OPENAI_COMPLETIONS, "Text completion (OpenAI)"),
    CallRoute("/responses", OPENAI_RESPONSES, "Responses (OpenAI)", remembers=True, sockets=True),
    CallRoute("/responses/input_tokens", OPENAI_INPUT_TOKENS, "Count tokens of a request (OpenAI)", remembers=True),
    CallRoute("/responses/compact", OPENAI_COMPACTION, "A conversation made shorter (OpenAI)", remembers=True),
    CallRoute("/embeddings", OPENAI_EMBEDDINGS, "Embeddings (OpenAI, with Nova's tasks)"),
    CallRoute(
        "/images/edits",
        OPENAI_IMAGE_EDITS,
        "Images from a prompt and other images (OpenAI)",
        in_json=OPENAI_IMAGE_EDITS_JSON,
    ),
    CallRoute("/images/variations", OPENAI_IMAGE_VARIATIONS, "Images like another one (OpenAI)"),
    CallRoute("/audio/transcriptions", OPENAI_TRANSCRIPTIONS, "Transcription (OpenAI)"),
    CallRoute("/audio/translations", OPENAI_TRANSLATIONS, "Translation of speech into English (OpenAI)"),
    CallRoute("/messages", ANTHROPIC_MESSAGES, "Messages (Anthropic)"),
    CallRoute("/messages/count_tokens", ANTHROPIC_COUNT_TOKENS, "Count tokens of a request (Anthropic)"),
    CallRoute("/rerank", JINA_RERANK, "Rerank (Jina)"),
    CallRoute("/rerank", COHERE_RERANK, "Rerank (Cohere)", prefixes=("/v2",)),
    CallRoute("/moderations", OPENAI_MODERATIONS, "Moderation (OpenAI)"),
    CallRoute("/images/generations", OPENAI_IMAGES, "Images from a prompt (OpenAI)"),
    CallRoute("/audio/speech", OPENAI_SPEECH, "Speech from a text (OpenAI)"),
)

VERB_ROUTES = (
    CallRoute(":generateContent", GEMINI_GENERATE, "Chat (Gemini)", streams=False, by_verb=True),
    CallRoute(":streamGenerateContent", GEMINI_GENERATE, "Streamed chat (Gemini)", streams=True, by_verb=True),
    CallRoute(":countTokens", GEMINI_COUNT_TOKENS, "Count tokens of a request (Gemini)", by_verb=True),
    CallRoute(":embedContent", GEMINI_EMBED, "Embedding of one content (Gemini)", by_verb=True),
    CallRoute(":batchEmbedContents", GEMINI_BATCH_EMBED, "Embeddings (Gemini)", by_verb=True),
)
ARRAY_ROUTE = replace(VERB_ROUTES[1], dialect=GEMINI_GENERATE_ARRAY)
"""How a stream is answered that is not asked for as events."""


def dialects() -> Mapping[str, Dialect]:
    """Every dialect that callers may speak, by name."""
    routes = (*CALL_ROUTES, *VERB_ROUTES, ARRAY_ROUTE)
    return {each.name: each for route in routes for each in (route.dialect, route.in_json) if each is not None}


class CallPaths:
    """Finds the route of a path."""

    def __init__(self, routes: Iterable[CallRoute] = CALL_ROUTES) -> None:
        # The longest suffix first: `/completions` also ends `/chat/completions`.
        self._routes = sorted(routes, key=lambda route: -len(route.suffix))
        self._exact: Mapping[str, Found] = {
            f"{prefix}{route.suffix}": Found(route) for route in self._routes for prefix in route.prefixes
        }
        self._named = [route for route in self._routes if route.prefixes == PREFIXES]
        self._verbs = {route.suffix: route for route in VERB_ROUTES}
        # Forms are received as they come, which the application does.
        plain = {path: found for path, found in self._exact.items() if not isinstance(found.route.dialect, TakesForms)}
        self._raw = {path.encode(): found for path, found in plain.items()}

    def exact(self, target: bytes) -> Found | None:
        """The route of a request target that is a path of the table and nothing more, and whose body is no form."""
        return self._raw.get(target)

    def find(self, path: str, query: bytes = b"") -> Found | None:
        """The route, None when the path is none of a call. Names of models in paths may contain slashes."""
        found = self._exact.get(path)
        if found is not None:
            return found
        if path.startswith(VERB_PREFIXES):
            return self._by_verb(path, query)
        if not path.startswith(MODEL_PREFIXES):
            return None
        for prefix in MODEL_PREFIXES:
            if not path.startswith(prefix):
                continue
            for route in self._named:
                model = path[len(prefix) : -len(route.suffix)]
                if path.endswith(route.suffix) and model:
                    return Found(route, unquote(model))
        return None

    def _by_verb(self, path: str, query: bytes) -> Found | None:
        name, colon, verb = path.rpartition(":")
        route = self._verbs.get(colon + verb)
        model = next(name[len(prefix) :] for prefix in VERB_PREFIXES if path.startswith(prefix))
        if route is None or not model:
            return None
        if route.streams and EVENTS not in parse_qs(query).get(b"alt", ()):
            route = ARRAY_ROUTE
        return Found(route, model)

    def documented(self) -> Iterable[tuple[str, CallRoute]]:
        """Every path as it is written in the documentation, with `{model}` where it stands in the path."""
        for route in CALL_ROUTES:
            for prefix in route.prefixes:
                yield f"{prefix}{route.suffix}", route
            for prefix in MODEL_PREFIXES if route.prefixes == PREFIXES else ():
                yield f"{prefix}{{model}}{route.suffix}", route
        for route in VERB_ROUTES:
            for prefix in VERB_PREFIXES:
                yield f"{prefix}{{model}}{route.suffix}", route
