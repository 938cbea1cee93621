"""A provider under test, and what holds of every one whatever it serves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import pytest

from nova_core.testing.import_watch import watched_import
from nova_core.testing.provider_bench import ProviderBench, bench
from nova_core.types.deployment import Deployment
from nova_core.types.secret import Secret

PUBLIC_NAME = "the-public-name"
KEY = "sk-conformance-0123456789-secret"


class ProviderUnderTest:
    """`plugin` under its prefix `provider`. `model` is the upstream's name for the model, `settings` are further fields
    of the deployment.
    """

    plugin: ClassVar[Any]
    provider: ClassVar[str]
    model: ClassVar[str] = "model-a"
    settings: ClassVar[Mapping[str, Any]] = {}

    def deployment(self, **changes: Any) -> Deployment:
        """The deployment under test."""
        fields = {"id": "d-1", "group": PUBLIC_NAME, "provider": self.provider, "model": self.model}
        made = Deployment(**{**fields, "api_key": Secret(KEY), **self.settings, **changes})
        completed: Deployment = self.plugin.complete(made, {})
        return completed

    def bench(self, **changes: Any) -> AbstractAsyncContextManager[ProviderBench]:
        """The provider with its deployment."""
        return bench(self.plugin, self.deployment(**changes))

    def test_importing_it_does_no_work(self) -> None:
        module = type(self.plugin).__module__
        if module == type(self).__module__ or module.startswith("nova_core."):
            pytest.skip(f"{self.provider} is no module of a plugin")
        assert watched_import(module.partition(".")[0])["seen"] == []
