"""What of a request the local models honour; the rest is refused by name, or dropped where that is allowed."""

from __future__ import annotations

from collections.abc import Collection

from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Request
from nova_core.wire.drop_policy import DropPolicy, review
from nova_core.wire.openai_compatible import key_paths, mentions, without_key
from nova_core.wire.translate import translate_request

CHAT_MEMBERS = frozenset({"model", "messages", "stream", "stream_options"})
EMBEDDING_MEMBERS = frozenset(
    {"model", "input", "dimensions", "encoding_format", "task", "truncate", "input_type", "prompt_name", "taskType",
     "task_type"}
)  # fmt: skip
"""The adapters of a local model share their weights, so a task changes nothing here."""
HINTS = frozenset(
    {"user", "store", "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier",
     "verbosity"}
)  # fmt: skip
MARK = "cache_control"


def spoken(
    request: Request, dialect: Dialect, deployment: Deployment, call: Call, understood: Collection[str]
) -> Request:
    """The request in `dialect` with only what is `understood`; `call.fidelity` says what became of the rest.

    Raises UnsupportedParamsError naming what would be lost, BadRequestError for what cannot be read.
    """
    policy = DropPolicy.of(call.options, deployment)
    asked, removed = policy.remove(request)
    said, fidelity = translate_request(asked, dialect)
    unsupported = said.members.keys() - HINTS - frozenset(understood)
    reviewed = review(said.members, sorted(unsupported), sorted(HINTS))
    marks = _marks(said)
    settled = policy.settle(fidelity + reviewed + marks, provider=deployment.provider, model=deployment.model)
    call.fidelity = Fidelity((*removed, *settled.notes))
    said = said.without(*reviewed.dropped)
    return said.with_members({"messages": without_key(said.get("messages"), MARK)}) if marks.notes else said


def _marks(request: Request) -> Fidelity:
    """Marks of prompt caching, which a local model has no use for."""
    if not mentions(request, "messages", MARK):
        return Fidelity()
    paths = key_paths(request.get("messages"), MARK, "messages")
    return Fidelity(tuple(FieldNote(path, Fate.HINT) for path in paths))
