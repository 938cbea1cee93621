"""Cohere's provider does what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import UpstreamConformance
from nova_core.testing.sent import texts_in
from nova_core.testing.upstream_http import Received
from nova_plugin_cohere import plugin

from .cohere_upstream import COHERE_SHAPES


class TestCohere(UpstreamConformance):
    plugin = plugin
    provider = "cohere"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "command-a-03-2025"
    embedding_model = "embed-v4.0"
    api_path = ""
    key_env = "COHERE_API_KEY"
    unsupported = ("logit_bias", {"50256": -100})
    shapes = COHERE_SHAPES
    too_long: ClassVar[dict[str, Any]] = {"status": 400, "message": "too many tokens: size limit exceeded by 11326"}
    against_policy: ClassVar[dict[str, Any]] = {"status": 498, "message": "blocked output: please try again"}

    def inputs(self, received: Received) -> list[Any]:
        """The texts of an embeddings request."""
        texts: list[Any] = received.json["texts"]
        return texts


class TestCohereChat(TestCohere):
    provider = "cohere_chat"
    model = "command-r7b-12-2024"
    api_path = "/v2/chat"
    key_env = "CO_API_KEY"


class TestCohereV1(TestCohere):
    """Chats of version 1, where calls of tools have no ids."""

    model = "v1/command-r-08-2024"
    call_ids = ()

    def asked_model(self, received: Received) -> str:
        """The name as it is configured, of chats of version 1."""
        return f"v1/{received.model}" if received.route == "/v1/chat" else received.model

    def said_to(self, received: Received) -> str:
        """What was said before has a member of its own."""
        return " ".join([*texts_in(received.json.get("chat_history")), received.json["message"]])
