"""What a provider that answers calls itself honours of a request; the rest is refused by name, or dropped and named."""

from __future__ import annotations

from collections.abc import Collection

from nova_core.types.call import Call
from nova_core.types.capabilities import Capabilities
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Request
from nova_core.wire.drop_policy import DropPolicy, review
from nova_core.wire.openai_compatible import key_paths, mentions, without_key
from nova_core.wire.samples import SAMPLES
from nova_core.wire.translate import translate_request

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
    hints = HINTS - frozenset(understood)
    unsupported = said.members.keys() - hints - frozenset(understood)
    reviewed = review(said.members, sorted(unsupported), sorted(hints))
    marks = _marks(said)
    settled = policy.settle(fidelity + reviewed + marks, provider=deployment.provider, model=deployment.model)
    call.fidelity = Fidelity((*removed, *settled.notes))
    said = said.without(*reviewed.dropped)
    return said.with_members({"messages": without_key(said.get("messages"), MARK)}) if marks.notes else said


def capabilities_within(understood: Collection[str], *, unread: Collection[str] = ()) -> Capabilities:
    """What `spoken` makes of chats: content goes through, parameters as they are `understood`.

    `unread` are abilities (`vision`, …) that the provider refuses later.
    """

    def fate(name: str) -> Fate | None:
        sample = SAMPLES.get(name)
        if sample is None:
            return None
        if name in unread:
            return Fate.LOST
        missing = {*sample.members, *sample.beside} - {"messages"} - frozenset(understood)
        if missing - HINTS:
            return Fate.LOST
        return Fate.HINT if missing or sample.where.endswith(MARK) else Fate.MAPPED

    return Capabilities(fate)


def _marks(request: Request) -> Fidelity:
    """Marks of prompt caching, which chat completions have no word for."""
    if not mentions(request, "messages", MARK):
        return Fidelity()
    paths = key_paths(request.get("messages"), MARK, "messages")
    return Fidelity(tuple(FieldNote(path, Fate.HINT) for path in paths))
