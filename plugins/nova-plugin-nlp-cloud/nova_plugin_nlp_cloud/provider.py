"""NLP Cloud: a chatbot that is told a context, what was said before, and the input; and embeddings."""

# https://docs.nlpcloud.com/#chatbot-and-conversational-ai and #embeddings

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from nova_core.errors import BadRequestError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import Exchange
from nova_core.wire.enveloped import EMBEDDED, Body, failure, reply, text_of, vendors_own
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS
from nova_core.wire.plain_vectors import in_asked_coding
from nova_core.wire.provider import Lane, of_deployment
from nova_core.wire.text_agent import TextAgent

NOT_SENT = ("model", "messages", "stream")
INSTRUCTING = ("system", "developer")
REFUSED = ("dimensions", "task", "input_type", "return_multivector")


class NlpCloud(TextAgent):
    """`nlp_cloud/{model}`. Answers come whole: there is no streaming, and no choice of how an answer is sampled."""

    providers = ("nlp_cloud",)
    base_url = "https://api.nlpcloud.io/v1/gpu"
    api_base_env = ("NLP_CLOUD_API_BASE",)
    api_key_env = ("NLP_CLOUD_API_KEY",)
    key_required = True
    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_CHAT, "embedding": OPENAI_EMBEDDINGS}
    enveloped = frozenset({"chat", "embedding"})
    paths: Mapping[Operation, str] = {"chat": "/chatbot", "embedding": "/embeddings"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Token`."""
        key = self.key(deployment)
        return [("Authorization", f"Token {key}")] if key else []

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The model, and what is asked of it."""
        parts = urlsplit(deployment.api_base or self.base_url)
        path = parts.path.rstrip("/")
        if not path.endswith(self.paths[operation]):
            path = f"{path}/{quote(deployment.model, safe='')}{self.paths[operation]}"
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

    def review(self, request: Request) -> Fidelity:
        """What cannot be chosen."""
        if request.dialect.operation != "embedding":
            return super().review(request)
        lost = [FieldNote(name, Fate.LOST, "models have one") for name in REFUSED if request.get(name) is not None]
        user = [FieldNote("user", Fate.HINT)] if request.get("user") is not None else []
        return Fidelity((*lost, *user))

    def body(self, request: Request, lane: Lane, *, streamed: bool) -> Body:
        """Context, history and input, or sentences. Raises BadRequestError for what is no text."""
        if request.dialect.operation == "embedding":
            own = vendors_own(plain(request.members), EMBEDDED)
            return {**own, "sentences": _sentences(request.get("input"))}
        messages = [each for each in request.get("messages") or () if isinstance(each, Mapping)]
        said = [each for each in messages if each.get("role") not in INSTRUCTING]
        context = "\n\n".join(text_of(each.get("content")) for each in messages if each.get("role") in INSTRUCTING)
        history, asked = _turns(said)
        members = {name: value for name, value in plain(request.members).items() if name not in NOT_SENT}
        return {**members, "input": asked, "context": context or None, "history": history or None}

    def opened(self, answer: Body, operation: Operation) -> Mapping[str, Any]:
        """The response, or the vectors."""
        if operation == "embedding":
            vectors = enumerate(answer["embeddings"])
            data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in vectors]
            return {"object": "list", "data": data, "model": ""}
        if "response" not in answer:
            return failure(answer.get("detail"))
        return reply({"content": answer["response"]}, "stop")

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; vectors are sent on in base64 where the caller wants that."""
        exchange = super().provider_call(call, request, deployment)
        return in_asked_coding(request, exchange) if request.operation == "embedding" else exchange

    def retelling(self, request: Request) -> Iterator[FieldNote]:
        """Nothing: context and history have places of their own."""
        return iter(())


def _turns(messages: Sequence[Mapping[str, Any]]) -> tuple[list[Body], str]:
    """Pairs of what was asked and answered, and what is asked now."""
    history: list[Body] = []
    asked: list[str] = []
    for message in messages:
        text = text_of(message.get("content"))
        if message.get("role") == "assistant":
            history.append({"input": "\n\n".join(asked), "response": text})
            asked = []
        else:
            asked.append(text)
    return history, "\n\n".join(asked)


def _sentences(given: Any) -> list[str]:
    items = given if isinstance(given, list) else [given]
    for place, item in enumerate(items):
        if not isinstance(item, str):
            raise BadRequestError(f"`input[{place}]` must be a text: nothing else is embedded", param=f"input[{place}]")
    return items
