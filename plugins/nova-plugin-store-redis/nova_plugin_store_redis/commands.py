"""Operations as commands of Redis, and its answers as ours. Pure functions; the scripts say what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from nova_core.stores.claims import Grant, Kept, Reading, Refused, Taken, View, Window
from nova_core.stores.operations import Answer, Look, Operation, Pin, Put, Renew, Settle, Take

SCRIPTS = ("take", "settle", "renew", "look", "pin")
Part = str | bytes | int


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of keys in one namespace; what stands in braces puts them in one slot of a cluster."""

    namespace: str

    def window(self, key: str) -> bytes:
        """A hash: `n` units in window number `w`."""
        return text(f"{{{self.namespace}}}:window:{key}")

    def lease(self, key: str) -> bytes:
        """A sorted set: ids by the millisecond they expire."""
        return text(f"{{{self.namespace}}}:lease:{key}")

    def value(self, key: str) -> bytes:
        """A string."""
        return text(f"{{{self.namespace}}}:value:{key}")


def scripts() -> Mapping[str, str]:
    """The texts of the scripts by name."""
    folder = files("nova_plugin_store_redis") / "lua"
    return {name: (folder / f"{name}.lua").read_text(encoding="utf-8") for name in SCRIPTS}


def text(value: str) -> bytes:
    """UTF-8; a caller's half of a character is no reason to fail."""
    return value.encode("utf-8", "surrogatepass")


def milliseconds(seconds: float) -> int:
    """At least one."""
    return max(1, round(seconds * 1000))


def command(operation: Operation, keys: Keys, hashes: Mapping[str, str]) -> Sequence[Part]:
    """The command for an operation; `hashes` are those of the loaded scripts."""
    if isinstance(operation, Put):
        key = keys.value(operation.key)
        if not operation.seconds > 0:
            return ("DEL", key)
        return ("SET", key, text(operation.value), "PX", milliseconds(operation.seconds))
    name, named, arguments = _call(operation, keys)
    return ("EVALSHA", hashes[name], len(named), *named, *arguments)


def _call(operation: Take | Settle | Renew | Look | Pin, keys: Keys) -> tuple[str, list[bytes], list[Part]]:
    match operation:
        case Take(id=id, claims=claims):
            named: list[bytes] = []
            arguments: list[Part] = [id]
            for claim in claims:
                limit = -1 if claim.limit is None else claim.limit
                if isinstance(claim, Window):
                    named.append(keys.window(claim.key))
                    arguments += ("window", claim.amount, limit, milliseconds(claim.seconds))
                else:
                    named.append(keys.lease(claim.key))
                    arguments += ("lease", 1, limit, milliseconds(claim.seconds))
            return "take", named, arguments
        case Settle(id=id, changes=changes, leases=leases):
            named = [*(keys.window(change.key) for change in changes), *map(keys.lease, leases)]
            numbers = [(change.window, change.delta, milliseconds(change.seconds)) for change in changes]
            return "settle", named, [id, len(changes), *(number for three in numbers for number in three)]
        case Renew(leases=held):
            arguments = [part for _, id, seconds in held for part in (id, milliseconds(seconds))]
            return "renew", [keys.lease(key) for key, _, _ in held], arguments
        case Look(reading=reading):
            named = [
                *map(keys.window, reading.windows),
                *map(keys.lease, reading.leases),
                *map(keys.value, reading.values),
            ]
            return "look", named, [len(reading.windows), len(reading.leases)]
        case Pin(key=key, value=value, seconds=seconds):
            return "pin", [keys.value(key)], [text(value), milliseconds(seconds)]


def answer(operation: Operation, reply: Any) -> Answer:
    """What Redis replied to the command for an operation."""
    match operation:
        case Take():
            return _taken(operation, reply)
        case Look(reading=reading):
            return _view(reading, reply)
        case Pin():
            return str(reply, "utf-8", "surrogatepass")
    return None


def _taken(take: Take, reply: Sequence[int]) -> Taken | Refused:
    if reply[0] == 0:
        _, number, used, wait = reply
        return Refused(take.claims[number - 1], used, wait / 1000)
    grants = zip(take.claims, reply[1::3], reply[2::3], reply[3::3], strict=True)
    return Taken(take.id, tuple(Grant(claim, used, left / 1000, window) for claim, used, left, window in grants))


def _view(reading: Reading, reply: Sequence[Any]) -> View:
    windows, leases = len(reading.windows), len(reading.windows) + len(reading.leases)
    kept = zip(reading.values, reply[leases:], strict=True)
    return View(
        {key: units for key, units in zip(reading.windows, reply[:windows], strict=True) if units},
        {key: held for key, held in zip(reading.leases, reply[windows:leases], strict=True) if held},
        {key: Kept(str(pair[0], "utf-8", "surrogatepass"), pair[1] / 1000) for key, pair in kept if pair},
    )
