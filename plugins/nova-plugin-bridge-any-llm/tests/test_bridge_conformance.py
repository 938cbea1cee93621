"""The bridge does what every provider must do, over what stands for an installed any-llm."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nova_core.errors import (
    ConfigurationError,
    ContextWindowExceededError,
    NovaError,
    RateLimitedError,
    UnsupportedParamsError,
    error_class_for,
)
from nova_core.testing import ProviderConformance
from nova_core.testing.conformance import KEY, PUBLIC_NAME
from nova_core.testing.provider_bench import bench, chat_request
from nova_core.types.chat import Thinking
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.types.secret import Secret
from nova_core.wire.samples import SAMPLES
from nova_plugin_bridge_any_llm import plugin

INSTALLED = Path(__file__).parent / "installed"
DEPLOYMENT = Deployment("d", PUBLIC_NAME, "any_llm", "vendor/model-a", api_key=Secret(KEY))


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = sys.modules.pop("any_llm", None)
    monkeypatch.syspath_prepend(INSTALLED)
    yield
    sys.modules.pop("any_llm", None)
    if before is not None:
        sys.modules["any_llm"] = before


class TestBridge(ProviderConformance):
    plugin = plugin
    provider = "any_llm"
    operations = frozenset({"chat", "completion", "embedding"})
    model = "vendor/model-a"
    embedding_model = "vendor/embed-a"


async def asked(said: str, **members: Any) -> tuple[dict[str, Any], Any]:
    """What any-llm was called with, and the typed reply."""
    async with bench(plugin, DEPLOYMENT) as at:
        reply = await at.chat(chat_request(PUBLIC_NAME, said, **members))
    return sys.modules["any_llm"].ASKED[-1], reply


async def test_the_vendor_is_asked_by_its_own_name_with_the_key():
    call, reply = await asked("Hi", temperature=0.5)
    assert (call["provider"], call["model"], call["api_key"]) == ("vendor", "model-a", KEY)
    assert (call["temperature"], call["max_tokens"]) == (0.5, 100)
    assert [part.text for part in reply.choices[0].message.parts if isinstance(part, Thinking)] == ["Hm."]


@pytest.mark.parametrize("status", [401, 404, 429, 500])
async def test_errors_of_a_vendors_client_keep_their_status_and_not_the_key(status):
    with pytest.raises(NovaError) as caught:
        await asked(f"fail {status}")
    assert isinstance(caught.value, error_class_for(status))
    assert caught.value.status == status
    assert KEY not in f"{caught.value!s} {caught.value!r}"
    assert not isinstance(caught.value, RateLimitedError) or caught.value.retry_after == 7


@pytest.mark.parametrize("stream", [False, True])
async def test_errors_that_say_more_than_a_status_are_of_their_class(stream):
    with pytest.raises(ContextWindowExceededError):
        await asked("too long", stream=stream)
    with pytest.raises(UnsupportedParamsError) as caught:
        await asked("unsupported", stream=stream)
    assert caught.value.param == "seed"


async def test_what_it_says_of_parameters_is_so():
    word = plugin.capabilities(DEPLOYMENT)
    refused = {name for name in SAMPLES if word.refuses(name)}
    assert {"top_k", "modalities", "audio", "prediction", "web_search"} <= refused
    async with bench(plugin, DEPLOYMENT) as at:
        for name in refused:
            with pytest.raises(UnsupportedParamsError):
                await at.ask(SAMPLES[name].request(PUBLIC_NAME))
        for name in (each for each in SAMPLES if word.fate(each) is Fate.HINT):
            await at.ask(SAMPLES[name].request(PUBLIC_NAME).without("stream"))
            assert at.call is not None
            assert SAMPLES[name].where in at.call.fidelity.dropped


def test_without_any_llm_a_deployment_cannot_be_served(monkeypatch):
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(INSTALLED)])
    with pytest.raises(ConfigurationError, match="not installed") as caught:
        plugin.complete(DEPLOYMENT, {})
    assert "any-llm-sdk[vendor]" in (caught.value.hint or "")


@pytest.mark.parametrize("model", ["gpt", "/gpt", "vendor/"])
def test_a_model_names_its_vendor(model):
    with pytest.raises(ConfigurationError, match="any_llm/PROVIDER/MODEL"):
        plugin.complete(Deployment("d", "g", "any_llm", model), {})
