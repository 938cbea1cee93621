"""What is recorded of a call so that it can be decided again: the inputs of its decisions, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import msgspec

from nova_core.config.redact import redacted_text
from nova_core.gateway.decisions import Trace, trace_of
from nova_core.gateway.shape import filled, shape_of, without_secrets
from nova_core.gateway.summary import bare_address
from nova_core.gateway.why import digest_of, used
from nova_core.types.call import Call, CallOptions, CallRecord
from nova_core.types.decision import Failure, Routed
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Members, Request, plain
from nova_core.types.principal import Principal
from nova_core.types.routing import Catalog, Snapshot

HEADERS = ("user-agent", "x-nova-session-id", "x-litellm-session-id")
"""Headers of a caller that decide, beside the gateway's own which are options and tags already."""
METADATA = frozenset({"session_id", "trace_id", "allowed_model_region", "disable_fallbacks"})
"""Members of `metadata` that decide."""
MOST_HEADER = 256
PLAIN = (str, int, float, bool)


class RecordedDeployment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A deployment of the configuration that was recorded. `settings` is a digest of what else makes it itself."""

    id: str
    group: str
    provider: str
    model: str
    base: str = ""
    settings: str = ""


class RecordedGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model group as it was decided. `snapshot` are the members of the state, absent where nothing was left."""

    group: str
    order: tuple[tuple[str, ...], ...] = ()
    snapshot: dict[str, Any] | None = None
    failure: Failure | None = None


class RecordedCall(msgspec.Struct, frozen=True, omit_defaults=True, tag="call", tag_field="kind"):
    """One call. `members` is its shape, or with `whole` its body without credentials.

    Of the parts of a call that was split only the decisions are kept, in `children`.
    `cost` in US dollars, `usage` in tokens by bucket, `tier` the service tier that it was served in.
    """

    id: str
    created: float
    operation: str
    dialect: str
    members: dict[str, Any]
    principal: Principal
    whole: bool = False
    options: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    route: str = ""
    status: int | None = None
    failure: Failure | None = None
    task: str | None = None
    space: str | None = None
    groups: tuple[RecordedGroup, ...] = ()
    attempts: int = 0
    deployment: str | None = None
    usage: dict[str, int] = {}
    tier: str = ""
    cost: str | None = None
    children: tuple[RecordedCall, ...] = ()


class RecordedConfig(msgspec.Struct, frozen=True, tag="config", tag_field="kind"):
    """What the calls after it were decided with."""

    version: str
    nova: str
    deployments: tuple[RecordedDeployment, ...]


Line = RecordedConfig | RecordedCall


def recorded(record: CallRecord, *, bodies: bool) -> RecordedCall:
    """A call that is over. `bodies`: with its texts, else with their lengths; credentials are never kept."""
    call = record.call
    return _recorded(trace_of(record), call, bodies=bodies)


def _recorded(trace: Trace, call: Call, *, bodies: bool) -> RecordedCall:
    return RecordedCall(
        id=trace.id,
        created=trace.created,
        operation=trace.operation,
        dialect=trace.dialect,
        members=_members(call.original.members, bodies=bodies),
        whole=bodies,
        principal=_principal(trace.principal),
        options=_options(call.options),
        tags=trace.tags,
        headers={name: redacted_text(call.headers[name])[:MOST_HEADER] for name in HEADERS if name in call.headers},
        route=trace.route,
        children=tuple(_part(child) for child in trace.children),
        **_outcome(trace),
    )


def _part(trace: Trace) -> RecordedCall:
    """A part of a call that was split: its members are those of the whole."""
    return RecordedCall(
        trace.id, trace.created, trace.operation, trace.dialect, {}, _principal(trace.principal), **_outcome(trace)
    )


def _outcome(trace: Trace) -> dict[str, Any]:
    return {
        "status": trace.status,
        "failure": _failure(trace.failure),
        "task": trace.task,
        "space": trace.space.name if trace.space is not None else None,
        "groups": tuple(map(_group, trace.routed)),
        "attempts": len(trace.attempts),
        "deployment": trace.deployment,
        "usage": dict(used(trace.usage)),
        "tier": "" if trace.usage is None else trace.usage.tier,
        "cost": None if trace.cost is None else f"{trace.cost:f}",
    }


def _group(routed: Routed) -> RecordedGroup:
    order = tuple(tuple(each.id for each in level) for level in routed.levels)
    snapshot = None if routed.snapshot is None else state_as_data(routed.snapshot)
    return RecordedGroup(routed.group, order, snapshot, _failure(routed.failure))


def _failure(failure: Failure | None) -> Failure | None:
    """Without its message, which may quote the request."""
    return None if failure is None else msgspec.structs.replace(failure, message="")


def state_as_data(snapshot: Snapshot) -> dict[str, Any]:
    """What a decision was made with beside call and configuration, as plain data."""
    members = {name: getattr(snapshot, name) for name in snapshot.__struct_fields__ if name != "catalog"}
    state: dict[str, Any] = msgspec.to_builtins(members, enc_hook=_as_data)
    return state


def _as_data(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def state_from_data(data: Mapping[str, Any], catalog: Catalog) -> Snapshot:
    """The state again, to decide with another catalog. Raises msgspec.ValidationError for what is none."""
    known = {
        field.name: msgspec.convert(data[field.name], field.type)
        for field in msgspec.structs.fields(Snapshot)
        if field.name in data
    }
    return Snapshot(catalog=catalog, **known)


def _members(members: Members, *, bodies: bool) -> dict[str, Any]:
    whole: dict[str, Any] = without_secrets(plain(members)) if bodies else shape_of(members)
    return whole


def _principal(principal: Principal) -> Principal:
    """Without what an operator may have written down about the key for others than routing."""
    kept = {name: value for name, value in principal.metadata.items() if name in METADATA and isinstance(value, PLAIN)}
    return Principal(principal.id, principal.name, principal.admin, principal.models, principal.tags, kept)


def _options(options: CallOptions) -> dict[str, Any]:
    """The options that were given. Of overrides only the names: their values are credentials and addresses."""
    given: dict[str, Any] = {}
    for name, default in _defaults().items():
        value = getattr(options, name)
        if value == default or name in ("cache", "explain"):
            continue
        if name == "mock_response":
            value = True
        elif name == "overrides":
            value = dict.fromkeys(value)
        elif name == "metadata":
            value = {key: each for key, each in value.items() if key in METADATA and isinstance(each, PLAIN)}
        given[name] = msgspec.to_builtins(value, enc_hook=_as_data)
    return given


@cache
def _defaults() -> Mapping[str, Any]:
    blank = CallOptions()
    return {field.name: getattr(blank, field.name) for field in fields(CallOptions)}


def call_again(line: RecordedCall, dialects: Mapping[str, Dialect]) -> Call:
    """A new call with what was recorded of one. Raises KeyError for a dialect that is not known any more."""
    members = line.members if line.whole else filled(line.members)
    operation: Any = line.operation
    call = Call(
        Request(operation, dialects[line.dialect], members),
        principal=line.principal,
        options=msgspec.convert(line.options, CallOptions) if line.options else None,
        tags=line.tags,
        headers=line.headers,
        id=line.id,
        route=line.route,
    )
    call.created = line.created
    return call


def config_line(catalog: Catalog, version: str, nova: str) -> RecordedConfig:
    """What the deployments are known by, for another configuration to find its own among them."""
    return RecordedConfig(version, nova, tuple(map(identity_of, catalog.by_id.values())))


def identity_of(deployment: Deployment) -> RecordedDeployment:
    """What a deployment is, whatever its tags, weights and prices are."""
    base = bare_address(deployment.api_base) if deployment.api_base else ""
    own = {"settings": deployment.settings, "defaults": deployment.defaults}
    return RecordedDeployment(
        deployment.id, deployment.group, deployment.provider, deployment.model, base, digest_of(own)
    )


def matched(before: Sequence[RecordedDeployment], after: Sequence[RecordedDeployment]) -> dict[str, str]:
    """Which deployment of another configuration is which: the same id, else the same thing in the same group.

    A generated id changes with tags, weights and prices. Of several that are alike, the first is the first.
    """
    left = {each.id: each for each in after}
    found = {each.id: each.id for each in before if left.pop(each.id, None) is not None}
    for exact in (True, False):
        for old in before:
            if old.id in found:
                continue
            new = next((each for each in left.values() if _likeness(each, exact) == _likeness(old, exact)), None)
            if new is not None:
                found[old.id] = new.id
                del left[new.id]
    return found


def _likeness(each: RecordedDeployment, exact: bool) -> tuple[str, ...]:
    return (each.group, each.provider, each.model, each.base, each.settings if exact else "")
