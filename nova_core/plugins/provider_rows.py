"""What `nova providers` and the documentation list: what a provider serves, and what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from nova_core.plugins.active import ActivePlugin
from nova_core.types.message import Operation

OPERATIONS: tuple[str, ...] = get_args(Operation)
Quote = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One provider prefix.

    `operations` are what it serves itself, without what the core puts through another operation, `natives` the further
    dialects in which it is asked where the caller speaks them. `key` and `address`
    are environment variables, asked in order; `base` is the vendor's own address, None where the operator must say,
    and for providers that are `in_process`.
    """

    prefix: str
    distribution: str
    operations: tuple[str, ...]
    key: tuple[str, ...] = ()
    key_required: bool = False
    base: str | None = None
    address: tuple[str, ...] = ()
    in_process: bool = False
    natives: tuple[str, ...] = ()

    def operations_in_words(self) -> str:
        """The operations and dialects."""
        return ", ".join((*self.operations, *self.natives))

    def key_in_words(self, quote: Quote = str) -> str:
        """The variables of the key, each as `quote` writes it."""
        said = " or ".join(map(quote, self.key)) or "none"
        return f"{said} (optional)" if self.key and not self.key_required else said

    def address_in_words(self, quote: Quote = str) -> str:
        """The vendor's own address, and the variables of another one."""
        if self.in_process:
            return "in this process"
        named = " or ".join(map(quote, self.address))
        if self.base is not None:
            return f"{self.base}; {named}" if named else self.base
        return f"yours: {quote('api_base')}" + (f", {named}" if named else "")


def provider_row(prefix: str, distribution: str, provider: Any) -> ProviderRow:
    """The row of a provider object; one that is reached over HTTP says where with `base_url` and `api_base_env`."""
    return ProviderRow(
        prefix,
        distribution,
        operations=served_operations(provider),
        key=tuple(getattr(provider, "api_key_env", ())),
        key_required=bool(getattr(provider, "key_required", False)),
        base=getattr(provider, "base_url", None),
        address=tuple(getattr(provider, "api_base_env", ())),
        in_process=not hasattr(provider, "api_base_env"),
        natives=tuple(sorted(getattr(provider, "natives", ()))),
    )


def active_rows(active: tuple[ActivePlugin, ...]) -> list[ProviderRow]:
    """The rows of all providers among `active`, by prefix."""
    rows = [provider_row(name, each.distribution, each.plugin) for each in active for name in each.names]
    return sorted(rows, key=lambda row: row.prefix)


def served_operations(provider: Any) -> tuple[str, ...]:
    """What a provider serves itself, most common first."""
    served = set(getattr(provider, "dialects", None) or _of_models(provider) or provider.operations(""))
    return tuple(name for name in OPERATIONS if name in served)


def _of_models(provider: Any) -> set[str]:
    return {name for card in provider.models() for name in provider.operations(card.id.partition("/")[2])}
