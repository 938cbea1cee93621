"""What happens to parameters that a provider cannot express: refused by name, or dropped and named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nova_core.errors import UnsupportedParamsError
from nova_core.types.call import CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Members, Request, decoded

DEFAULT_VALUES: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "temperature": (1,),
    "top_p": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "stop": ([],),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("auto",),
    "parallel_tool_calls": (True,),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "service_tier": ("auto",),
    "store": (False,),
    "stream": (False,),
    "echo": (False,),
    "suffix": ("",),
    "encoding_format": ("float",),
    "verbosity": ("medium",),
    "metadata": ({},),
}
"""Values that mean the same as leaving the member out (OpenAI's API reference)."""

HELD = frozenset({"thread"})
"""Members that stand for the rest of a conversation, which clients then leave out: dropping them would lose it."""


def is_default(name: str, value: Any) -> bool:
    """Whether `value` says no more than leaving `name` out does; null always does."""
    if value is None:
        return True
    # True == 1 in Python, and `"n": true` is not a default.
    return any(
        value == known and isinstance(value, bool) == isinstance(known, bool) for known in DEFAULT_VALUES.get(name, ())
    )


@dataclass(frozen=True, slots=True)
class DropPolicy:
    """The operator's and caller's word on parameters: `drop` what is lost, `allowed` members to send anyway,
    `removed` paths (`user`, `a.b.c`, `tools[*].input_examples`) never to send.
    """

    drop: bool = False
    allowed: frozenset[str] = frozenset()
    removed: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: CallOptions, deployment: Deployment) -> DropPolicy:
        """The policy of one attempt; the call's `drop_params` beats the deployment's."""
        drop = deployment.drop_params if options.drop_params is None else options.drop_params
        return cls(
            drop=bool(drop),
            allowed=frozenset((*options.allowed_params, *deployment.allowed_params)),
            removed=tuple(dict.fromkeys((*deployment.additional_drop_params, *options.additional_drop_params))),
        )

    @property
    def is_plain(self) -> bool:
        """Whether nothing is removed or allowed by name."""
        return not self.allowed and not self.removed

    def settle(self, fidelity: Fidelity, *, provider: str, model: str) -> Fidelity:
        """The report after this policy. Raises UnsupportedParamsError naming what would be lost."""
        notes = tuple(self._settled(note) for note in fidelity.notes if top_level(note.field) not in self.allowed)
        settled = Fidelity(notes)
        held = [field for field in settled.lost if top_level(field) in HELD]
        if held or (settled.lost and not self.drop):
            fields = ", ".join(f"`{field}`" for field in settled.lost)
            reasons = dict.fromkeys(note.detail for note in notes if note.fate is Fate.LOST and note.detail)
            because = f" ({'; '.join(reasons)})" if reasons else ""
            instead = "" if held else ", or set drop_params to send the request without it"
            raise UnsupportedParamsError(
                f"{provider} cannot express {fields} for model {model}{because}. Leave it out{instead}.",
                param=(held or settled.lost)[0],
                hint="set `drop_params: true`, or `additional_drop_params` / `allowed_openai_params` in the deployment",
            )
        return settled

    def remove(self, request: Request) -> tuple[Request, tuple[FieldNote, ...]]:
        """The request without the `removed` paths, and a note for each that was there."""
        notes: list[FieldNote] = []
        for path in self.removed:
            shorter = without_path(request, path)
            if shorter is not request:
                notes.append(FieldNote(path, Fate.HINT, "additional_drop_params"))
            request = shorter
        return request, tuple(notes)

    def _settled(self, note: FieldNote) -> FieldNote:
        if note.fate is Fate.LOST and any(_covers(path, note.field) for path in self.removed):
            return replace(note, fate=Fate.HINT)
        return note


def top_level(path: str) -> str:
    """The member a path starts with: `tools` of `tools[0].function.strict`."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def review(members: Members, unsupported: Iterable[str], hints: Iterable[str] = ()) -> Fidelity:
    """Notes on the members a vendor refuses; one that holds its default is a hint, not a loss."""
    notes = [FieldNote(name, Fate.HINT) for name in hints if name in members]
    for name in unsupported:
        if name in members:
            harmless = is_default(name, decoded(members[name]))
            notes.append(FieldNote(name, Fate.HINT if harmless else Fate.LOST))
    return Fidelity(tuple(notes))


def without_path(request: Request, path: str) -> Request:
    """The request without what `path` names; the same object when there is nothing."""
    name, *rest = _steps(path)
    if name not in request.members:
        return request
    if not rest:
        return request.without(name)
    value = request.get(name)
    shorter = _pruned(value, rest)
    return request if shorter is value else request.with_members({name: shorter})


def _steps(path: str) -> list[str]:
    return re.findall(r"[^.\[\]]+", path) or [path]


def _covers(path: str, field: str) -> bool:
    steps, found = _steps(path), _steps(field)
    return len(steps) <= len(found) and all(s in ("*", f) for s, f in zip(steps, found, strict=False))


def _pruned(value: Any, steps: list[str]) -> Any:
    """`value` without what `steps` lead to; the same object when nothing is there."""
    step, *rest = steps
    if isinstance(value, dict):
        return _pruned_object(value, step, rest)
    if isinstance(value, list):
        chosen = range(len(value)) if step == "*" else [int(step)] if step.isdigit() else []
        places = [place for place in chosen if place < len(value)]
        if not rest:
            return [item for place, item in enumerate(value) if place not in places] if places else value
        items = [_pruned(item, rest) if place in places else item for place, item in enumerate(value)]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _pruned_object(value: dict[str, Any], step: str, rest: list[str]) -> dict[str, Any]:
    names = [name for name in value if step in ("*", name)]
    if not names:
        return value
    if not rest:
        return {name: item for name, item in value.items() if name not in names}
    items = {name: _pruned(item, rest) if name in names else item for name, item in value.items()}
    return items if any(items[name] is not value[name] for name in names) else value
