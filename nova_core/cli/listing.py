"""Models to choose from: those a configuration names, and those that installed providers bring along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from nova_core.cli.failures import say

if TYPE_CHECKING:
    from nova_core.gateway.runtime import Runtime
    from nova_core.plugins.active import ActivePlugin
    from nova_core.types.deployment import Deployment

Number = TypeVar("Number", int, Decimal)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A line of `nova models`.

    `served_by` is provider/model, or who owns it where a gateway does not say more; `problem` why it cannot be called.
    `context` is the smallest context window of its deployments, `input_price` and `output_price` are dollars a million
    tokens (of short prompts, where longer ones cost more), the dearest of its deployments; None where one is unknown.
    """

    name: str
    mode: str | None = None
    served_by: str = ""
    source: str = ""
    problem: str = ""
    context: int | None = None
    input_price: float | None = None
    output_price: float | None = None

    @property
    def can_chat(self) -> bool:
        """Whether it may be asked to chat: not a pattern, nothing else than chat as far as is known."""
        return "*" not in self.name and self.mode in (None, "chat") and not self.problem


def configured_models(runtime: Runtime, source: str) -> list[ModelRow]:
    """One row for each public name; aliases that are not hidden follow."""
    catalog = runtime.catalog
    rows = [_group_row(name, members, catalog.unserved, source) for name, members in catalog.groups.items()]
    shown = (alias for alias in catalog.aliases if alias not in catalog.hidden)
    return rows + [ModelRow(alias, None, f"alias of {catalog.aliases[alias]}", source) for alias in shown]


def _group_row(name: str, members: tuple[Deployment, ...], unserved: object, source: str) -> ModelRow:
    reasons = unserved if isinstance(unserved, dict) else {}
    mode = next((member.mode for member in members if member.mode), None)
    served = dict.fromkeys(f"{member.provider}/{member.model}" for member in members)
    broken = [reasons[member.id] for member in members if member.id in reasons]
    return ModelRow(
        name,
        mode,
        ", ".join(served),
        source,
        broken[0] if len(broken) == len(members) else "",
        context=min(_known(member.facts.max_input_tokens for member in members), default=None),
        input_price=_dearest(member.prices.input for member in members),
        output_price=_dearest(member.prices.output for member in members),
    )


def _dearest(prices: Iterable[Decimal | None]) -> float | None:
    dearest = max(_known(prices), default=None)
    return None if dearest is None else float(dearest.scaleb(6))


def _known(values: Iterable[Number | None]) -> list[Number]:
    """All the values; none as soon as one is unknown."""
    found = list(values)
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else []


def offered_models() -> list[ModelRow]:
    """Models that installed providers offer without being configured; imports the providers.

    What cannot be imported, or asked, is told on stderr and left out. Those with facts about them come first.
    """
    from nova_core.plugins.discovery import PROVIDERS, discover
    from nova_core.plugins.manager import Named, load_plugins

    installed = discover()
    loaded = load_plugins(
        installed, [Named(name, "provider", "the list of models") for name in installed.names(PROVIDERS)]
    )
    for broken in loaded.broken:
        say(f"warning: {broken}")
    found = [pair for plugin in loaded.active for pair in _offered_by(plugin)]
    return [row for _, row in sorted(found, key=lambda pair: not pair[0])]


def _offered_by(plugin: ActivePlugin) -> Iterator[tuple[bool, ModelRow]]:
    offers = getattr(plugin.plugin, "models", None)
    try:
        cards = list(offers()) if callable(offers) else []
    except Exception as error:
        say(f"warning: {plugin.distribution} cannot list its models: {type(error).__name__}: {error}")
        return
    for card in cards:
        served_by = card.id if card.id.split("/")[0] in plugin.names else f"{plugin.names[0]}/{card.id}"
        yield bool(card.info), ModelRow(served_by, card.mode, served_by, plugin.distribution)
