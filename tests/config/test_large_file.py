"""A large file of the de-facto standard loads unchanged, and says what has no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from nova_core.config import Settings, check_keys, dotted, load, protective_refusals, read_settings, redacted

FILE = Path(__file__).parent / "files" / "large.yaml"
ENVIRON = {
    "OPENAI_API_KEY": "k-one-111",
    "ANTHROPIC_API_KEY": "k-two-222",
    "REDIS_HOST": "redis",
    "REDIS_PASSWORD": "k-three-333",
    "LITELLM_MASTER_KEY": "k-four-444",
    "LF_SECRET": "k-five-555",
    "AZURE_EU_KEY": "k-six-666",
}


@pytest.fixture
def settings() -> Settings:
    return read_settings(load(FILE, environ=ENVIRON))


def test_the_gateway_may_start_with_it(settings: Settings):
    assert protective_refusals(settings) == []
    assert [problem.severity for problem in check_keys(load(FILE, environ=ENVIRON)) if problem.severity != "info"] == []


def test_nothing_in_it_is_unknown_and_what_has_no_effect_is_listed(settings: Settings):
    assert settings.unknown == ()
    listed = {dotted(path) for path in settings.unsupported}
    assert {
        "general_settings.database_url",
        "general_settings.alerting",
        "litellm_settings.success_callback",
        "router_settings.routing_strategy",
        "model_list[0].model_info.access_groups",
        "mcp_servers",
        "callback_settings",
    } <= listed
    honoured = {"litellm_settings.context_window_fallbacks", "router_settings.retry_policy"}
    assert listed.isdisjoint({*honoured, "model_list[0].litellm_params.max_parallel_requests"})
    assert "model_list[0].litellm_params.temperature" not in listed
    assert "litellm_settings.drop_params" not in listed


def test_what_a_plugin_supports_is_not_listed():
    loaded = load(FILE, environ=ENVIRON)
    supported = ["mcp_servers", "litellm_settings.success_callback",
                 "router_settings.routing_strategy.usage-based-routing-v2", "model_info.access_groups"]  # fmt: skip
    listed = {dotted(path) for path in read_settings(loaded, supported=supported).unsupported}
    assert listed.isdisjoint({"mcp_servers", "litellm_settings.success_callback"})
    assert "router_settings.routing_strategy" not in listed
    assert "model_list[0].model_info.access_groups" not in listed
    assert "general_settings.alerting" in listed


def test_numbers_and_booleans_written_as_text_are_understood(settings: Settings):
    first, second = settings.models[:2]
    assert first.params["tpm"] == 100000
    assert first.params["extra_headers"] == {"X-Team": "platform", "X-Level": "3"}
    assert first.info["output_cost_per_token"] == 1e-05
    assert first.info["owner"] == "team-red"
    assert second.params["drop_params"] is True
    assert second.params["api_version"] == "2024-08-01"


def test_limits_beside_the_model_name_count(settings: Settings):
    assert settings.models[1].params["rpm"] == 60


def test_a_named_credential_fills_in_what_the_deployment_leaves_out(settings: Settings):
    params = settings.models[1].params
    assert params["api_key"] == "k-six-666"
    assert params["api_base"] == "https://example.openai.azure.com"
    assert "litellm_credential_name" not in params


def test_yaml_anchors_and_merge_keys_work(settings: Settings):
    assert settings.models[3].params["model"] == "anthropic/claude-sonnet-4"
    assert settings.models[3].params["timeout"] == 900


def test_router_settings_win_over_the_defaults_beside_them(settings: Settings):
    assert settings.router.fallbacks == {"gpt-4o": ("claude", "claude-long")}
    assert settings.router.default_fallbacks == ("claude",)
    assert settings.router.num_retries == 3
    assert settings.router.allowed_fails == 5
    assert settings.router.model_group_alias["gpt-4"].model == "gpt-4o"
    assert settings.router.model_group_alias["old"].hidden is True


def test_cache_callbacks_and_limits_are_typed(settings: Settings):
    assert settings.nova.cache is True
    assert settings.nova.cache_params.type == "redis"
    assert settings.nova.cache_params.ttl == 600
    assert settings.nova.cache_params.supported_call_types == ("acompletion", "embedding")
    assert settings.callbacks == ("custom_callbacks.proxy_handler_instance",)
    assert settings.nova.request_timeout == 120
    assert settings.general.body_limit_bytes == 100 * 1024 * 1024


def test_sections_of_plugins_are_kept_as_written(settings: Settings):
    assert settings.raw["callback_settings"] == {"otel": {"message_logging": False}}
    assert settings.raw["litellm_settings"]["cache_params"]["host"] == "redis"
    assert settings.environment_variables == {
        "LANGFUSE_HOST": "https://langfuse.internal",
        "LANGFUSE_SECRET_KEY": "k-five-555",
    }


def test_no_secret_is_shown_anywhere(settings: Settings):
    loaded = load(FILE, environ=ENVIRON)
    shown = [repr(settings), repr(loaded), repr(redacted(settings.raw)), repr(settings.general), repr(settings.router)]
    shown += [repr(entry) for entry in (*settings.models, *settings.credentials)]
    shown += [problem.render() + str(problem.to_json()) for problem in check_keys(loaded)]
    secrets = [value for name, value in ENVIRON.items() if name != "REDIS_HOST"] + ["dbpassword9090"]
    assert [secret for secret in secrets if any(secret in text for text in shown)] == []
