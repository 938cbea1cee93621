"""The paths of the call routes: an exact table, and patterns for paths that carry the model's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from nova_core.types.dialect import Dialect
from nova_core.wire.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS

PREFIXES = ("/v1", "", "/openai/v1")
MODEL_PREFIXES = ("/openai/deployments/", "/engines/", "/v1/engines/")


@dataclass(frozen=True, slots=True)
class CallRoute:
    """An operation that callers may ask for in one dialect, under `suffix`."""

    suffix: str
    dialect: Dialect
    summary: str


@dataclass(frozen=True, slots=True)
class Found:
    """The route of one request; `model` is the name in the path, None when the body names it."""

    route: CallRoute
    model: str | None = None


CALL_ROUTES = (
    CallRoute("/chat/completions", OPENAI_CHAT, "Chat (OpenAI)"),
    CallRoute("/completions", OPENAI_COMPLETIONS, "Text completion (OpenAI)"),
    CallRoute("/embeddings", OPENAI_EMBEDDINGS, "Embeddings (OpenAI, with Nova's tasks)"),
    CallRoute("/messages", ANTHROPIC_MESSAGES, "Messages (Anthropic)"),
    CallRoute("/messages/count_tokens", ANTHROPIC_COUNT_TOKENS, "Count tokens of a request (Anthropic)"),
)


class CallPaths:
    """Finds the route of a path."""

    def __init__(self, routes: Iterable[CallRoute] = CALL_ROUTES) -> None:
        # The longest suffix first: `/completions` also ends `/chat/completions`.
        self._routes = sorted(routes, key=lambda route: -len(route.suffix))
        self._exact: Mapping[str, Found] = {
            f"{prefix}{route.suffix}": Found(route) for route in self._routes for prefix in PREFIXES
        }

    def find(self, path: str) -> Found | None:
        """The route, None when the path is none of a call. Names of models in paths may contain slashes."""
        found = self._exact.get(path)
        if found is not None or not path.startswith(MODEL_PREFIXES):
            return found
        for prefix in MODEL_PREFIXES:
            if not path.startswith(prefix):
                continue
            for route in self._routes:
                model = path[len(prefix) : -len(route.suffix)]
                if path.endswith(route.suffix) and model:
                    return Found(route, unquote(model))
        return None

    def documented(self) -> Iterable[tuple[str, CallRoute]]:
        """Every path as it is written in the documentation, with `{model}` where it stands in the path."""
        for route in CALL_ROUTES:
            for prefix in PREFIXES:
                yield f"{prefix}{route.suffix}", route
            for prefix in MODEL_PREFIXES:
                yield f"{prefix}{{model}}{route.suffix}", route
