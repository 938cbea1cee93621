"""What the configuration names, what came of it, and the mend for what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nova_core.errors import ConfigurationError
from nova_core.plugins.active import ActivePlugin, Kind

_VENDOR_PACK = "nova-plugin-openai-compatible"
_HOMES: Mapping[str, str] = {"nova_task_router": "nova-plugin-embeddings"}
"""Distributions whose name does not follow from what the configuration says."""


@dataclass(frozen=True, slots=True)
class Named:
    """Something the configuration names; `why` says where (`model_list[0] "gpt"`, `callbacks`)."""

    name: str
    kind: Kind
    why: str = ""


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that was named and cannot be used.

    `distribution` is empty when none provides it (`missing`). `fatal` is a start-up error: two owners of one name.
    """

    name: str
    kind: Kind
    distribution: str
    reason: str
    mend: str
    why: str = ""
    version: str = ""
    missing: bool = False
    fatal: bool = False

    def __str__(self) -> str:
        owner = f" of {self.distribution}" if self.distribution else ""
        named = f" (named by {self.why})" if self.why else ""
        return f"{self.kind} {self.name!r}{owner}{named}: {self.reason}; {self.mend}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The plugins in use, and those that cannot be."""

    active: tuple[ActivePlugin, ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()

    def broken_provider(self, name: str) -> BrokenPlugin | None:
        """Why the provider `name` cannot be served; None when it can, or was not named."""
        return next((each for each in self.broken if each.kind == "provider" and each.name == name), None)

    def refuse_fatal(self) -> None:
        """Raise `ConfigurationError` if something broken must stop the start."""
        fatal = [each for each in self.broken if each.fatal]
        if fatal:
            raise ConfigurationError("\n".join(map(str, fatal)), hint="; ".join(each.mend for each in fatal))


def install_mend(name: str, kind: Kind) -> str:
    """The pip line that brings a missing plugin."""
    last = name.rpartition(".")[2]
    distribution = _HOMES.get(last) or "nova-plugin-" + re.sub(r"[-_.]+", "-", name)
    line = f"pip install {distribution}"
    if kind == "provider":
        return f"{line} (or {_VENDOR_PACK} for OpenAI-compatible vendors)"
    if "." in name and last not in _HOMES:
        return f"put {name.split('.')[0]}.py beside the configuration, or {line}"
    return line
