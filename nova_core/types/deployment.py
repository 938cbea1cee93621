"""A deployment: provider, model, credentials and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_core.types.capabilities import UNKNOWN, Capabilities
from nova_core.types.facts import NO_FACTS, ModelFacts
from nova_core.types.prices import Prices
from nova_core.types.secret import Secret


@dataclass(frozen=True, slots=True)
class Deployment:
    """One way to serve a model group.

    `group` is the public name, `provider` the entry-point name of the provider, `model` the upstream's
    name for the model. Times are in seconds; None means "the setting above decides". `defaults` are call
    parameters added where the caller gives none; `settings` are keys that only the provider or a plugin reads
    (`api_version`, `organization`, `adapter`, …). `info` is the config's `model_info`; `facts` are
    what that, the registered models and the model catalogs of plugins say together, `capabilities` what the
    provider's API takes for the model.
    """

    id: str
    group: str
    provider: str
    model: str
    api_base: str | None = None
    api_key: Secret | None = None
    tags: tuple[str, ...] = ()
    weight: float | None = None
    order: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    timeout: float | None = None
    stream_timeout: float | None = None
    num_retries: int | None = None
    cooldown_time: float | None = None
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    defaults: Mapping[str, Any] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    drop_params: bool | None = None
    additional_drop_params: tuple[str, ...] = ()
    allowed_params: tuple[str, ...] = ()
    mock_response: Any = None
    facts: ModelFacts = NO_FACTS
    capabilities: Capabilities = field(default=UNKNOWN, repr=False, compare=False)
    info: Mapping[str, Any] = field(default_factory=dict)
    origin: str | None = None

    @property
    def prices(self) -> Prices:
        """What it costs; unknown prices are unset."""
        return self.facts.prices

    @property
    def mode(self) -> str | None:
        """`model_info.mode`: chat, embedding, completion, …; None when nobody says."""
        mode = self.info.get("mode")
        return mode if isinstance(mode, str) else self.facts.mode
