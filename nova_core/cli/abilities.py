"""What `nova models --capabilities` lists: what each configured model can be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nova_core.cli.output import print_json, print_table

if TYPE_CHECKING:
    from nova_core.gateway.runtime import Runtime
    from nova_core.types.deployment import Deployment

COLUMNS: Mapping[str, str] = {
    "tools": "function_calling",
    "parallel": "parallel_function_calling",
    "images": "vision",
    "audio": "audio_input",
    "pdf": "pdf_input",
    "structured": "response_schema",
    "reasoning": "reasoning",
    "caching": "prompt_caching",
}
"""Heading → ability."""
WORDS: Mapping[bool | None, str] = {True: "yes", False: "no"}


@dataclass(frozen=True, slots=True)
class AbilityRow:
    """One deployment of a public name; an ability that is None is unknown, and refuses nobody.

    `words` say more of those: `sent` to a model of which it is not known, `left out` and named, or `?`; nothing of one
    that does not chat.
    """

    name: str
    served_by: str
    operations: tuple[str, ...]
    abilities: Mapping[str, bool | None]
    words: Mapping[str, str]
    parameters: tuple[str, ...] | None
    beside_chat: Mapping[str, list[str] | None]
    """Operation → its parameters that are sent; None where that is not known."""


def ability_rows(runtime: Runtime) -> list[AbilityRow]:
    """Every deployment, in the order of the file."""
    from nova_core.gateway.abilities import has, parameters_beside_chat, parameters_of
    from nova_core.plugins.provider_rows import OPERATIONS
    from nova_core.wire.operation_samples import ASKED

    rows: list[AbilityRow] = []
    for name, members in runtime.catalog.groups.items():
        for each in members:
            provider = runtime.pipeline.providers.get(each.provider)
            operations = getattr(provider, "operations", None)
            served = operations(each.model) if operations is not None else frozenset()
            known, abilities = parameters_of(each), {ability: has(each, ability) for ability in COLUMNS.values()}
            rows.append(
                AbilityRow(
                    name,
                    f"{each.provider}/{each.model}",
                    tuple(operation for operation in OPERATIONS if operation in served),
                    abilities,
                    {
                        ability: (WORDS.get(said) or _sent(each, ability))
                        if "chat" in served or operations is None
                        else ""
                        for ability, said in abilities.items()
                    },
                    None if known is None else tuple(known),
                    {name: parameters_beside_chat(each, name) for name in ASKED if name in served},
                )
            )
    return rows


def print_abilities(rows: Sequence[AbilityRow], *, as_json: bool) -> None:
    """The rows, for people or for machines."""
    if as_json:
        print_json(
            [
                {
                    "name": row.name,
                    "served_by": row.served_by,
                    "operations": row.operations,
                    **{f"supports_{ability}": known for ability, known in row.abilities.items()},
                    "supported_openai_params": row.parameters,
                    "supported_params_beside_chat": row.beside_chat,
                }
                for row in rows
            ]
        )
        return
    print_table(
        ("model", "served by", *COLUMNS),
        [(row.name, row.served_by, *row.words.values()) for row in rows],
    )


def _sent(deployment: Deployment, ability: str) -> str:
    """What the provider makes of it where the model is not known."""
    return {True: "sent", False: "left out", None: "?"}[deployment.capabilities.takes(ability)]
