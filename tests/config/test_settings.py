"""What the gateway reads: types, defaults, and our own sections."""

from __future__ import annotations

import dataclasses

import pytest

from nova_core.config import (
    ConfigError,
    PluginSettings,
    Settings,
    apply_environment,
    check_keys,
    from_mapping,
    loads,
    read_settings,
)


def read(text: str, **environ: str) -> Settings:
    return read_settings(loads(text, environ=environ))


def test_an_almost_empty_file_has_safe_defaults():
    settings = read("litellm_settings:\nrouter_settings:\nmodel_list:\ngeneral_settings:\n")
    assert settings.models == ()
    assert settings.nova.drop_params is False
    assert settings.nova.request_timeout == 600
    assert (settings.router.num_retries, settings.router.max_fallbacks) == (2, 5)
    assert (settings.router.cooldown_time, settings.router.routing_strategy) == (5.0, "simple-shuffle")
    assert settings.general.master_key is None
    assert settings.general.allow_client_side_credentials is False
    assert settings.general.header_prefix == "x-nova"
    assert settings.general.body_limit_bytes == 64 * 1024 * 1024


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [
        ("max_request_size_mb: 100", 100),
        ("limits: {body_mb: 2}", 2),
        ("max_request_size_mb: 100, limits: {body_mb: 2}", 2),
    ],
)
def test_the_body_limit_is_what_the_operator_says(text, megabytes):
    assert read(f"general_settings: {{{text}}}").general.body_limit_bytes == megabytes * 1024 * 1024


def test_python_values_are_read_like_a_file():
    values = {"model_list": [{"model_name": "a", "params": {"model": "p/a", "api_key": "os.environ/K"}}], "odd": 1}
    loaded = from_mapping(values, environ={"K": "k-1"})
    assert read_settings(loaded).models[0].params == {"model": "p/a", "api_key": "k-1"}
    assert [problem.render() for problem in check_keys(loaded)] == [
        "warning: `odd` is not a known key (it has no effect)"
    ]
    assert values["model_list"][0]["params"]["api_key"] == "os.environ/K"
    with pytest.raises(ConfigError, match="only a file can include"):
        from_mapping({"include": ["x.yaml"]})


def test_settings_cannot_be_changed():
    settings = read("router_settings: {num_retries: 1}")
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.models = ()  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.router.num_retries = 2  # type: ignore[misc]


@pytest.mark.parametrize("value", ["true", "'true'", "'True'", "os.environ/YES", "yes", "1"])
def test_a_boolean_may_be_written_in_many_ways(value):
    assert read(f"litellm_settings: {{drop_params: {value}}}", YES="TRUE").nova.drop_params is True


@pytest.mark.parametrize("value", ["nova_task_router", "[nova_task_router]"])
def test_callbacks_are_one_name_or_a_list(value):
    assert read(f"litellm_settings: {{callbacks: {value}}}").callbacks == ("nova_task_router",)


@pytest.mark.parametrize("value", ["null", "[]"])
def test_an_empty_list_under_router_settings_is_unset(value):
    text = f"litellm_settings: {{fallbacks: [{{a: b}}], num_retries: 0}}\nrouter_settings: {{fallbacks: {value}}}"
    router = read(text).router
    assert router.fallbacks == {"a": ("b",)}
    assert router.num_retries == 0


def test_zero_retries_under_router_settings_count():
    assert read("litellm_settings: {num_retries: 3}\nrouter_settings: {num_retries: 0}").router.num_retries == 0


def test_defaults_for_every_deployment_are_filled_in_below_its_own_values():
    settings = read(
        "router_settings: {default_litellm_params: {timeout: 9, max_tokens: 5}}\n"
        "model_list: [{model_name: a, params: {model: p/a, timeout: 1, seed: null}}]\n"
    )
    assert settings.models[0].params == {"model": "p/a", "timeout": 1, "max_tokens": 5}


def test_limits_in_model_info_count_unless_the_params_say_otherwise():
    settings = read(
        "model_list:\n- {model_name: a, params: {model: p/a, tpm: 1}, model_info: {rpm: 7, tpm: 9}}\n"
        "- {model_name: b, params: {model: p/b}, rpm: '8'}\n"
    )
    assert [settings.models[0].params[name] for name in ("rpm", "tpm")] == [7, 1]
    assert settings.models[1].params["rpm"] == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plugins: auto", PluginSettings(auto=True)),
        ("plugins: [a, b]", PluginSettings(names=("a", "b"), settings={"a": {}, "b": {}})),
        ("plugins: {a: {x: 1}, b: }", PluginSettings(names=("a", "b"), settings={"a": {"x": 1}, "b": {}})),
        ("plugins: [a, b: {x: 1}]", PluginSettings(names=("a", "b"), settings={"a": {}, "b": {"x": 1}})),
        ("x-none: 1", PluginSettings()),
    ],
)
def test_plugins_are_named_in_several_ways(text, expected):
    assert read(text).plugins == expected


def test_static_keys_have_names_and_models():
    text = "general_settings: {keys: [sk-plain-1, {key: os.environ/KEY, name: ci, models: ['gpt-*', b]}]}"
    plain, named = read(text, KEY="sk-two").general.keys
    assert (plain.key.get_secret_value(), plain.models) == ("sk-plain-1", ())
    assert (named.key.get_secret_value(), named.name, named.models) == ("sk-two", "ci", ("gpt-*", "b"))
    assert "sk-two" not in repr(named) + str(named) + named.model_dump_json()


def test_the_master_key_may_come_from_the_environment():
    assert read("x-a: 1", LITELLM_MASTER_KEY="sk-e").general.master_key.get_secret_value() == "sk-e"
    both = read("general_settings: {master_key: sk-file}", LITELLM_MASTER_KEY="sk-e")
    assert both.general.master_key.get_secret_value() == "sk-file"


def test_guardrails_are_read_for_the_plugins_that_run_them():
    [entry] = read(
        "x-a: 1\nguardrails:\n  - {guardrail_name: pii, litellm_params: {guardrail: g, mode: pre_call, api_key: k-9}}\n"
    ).guardrails
    assert (entry.name, entry.params["mode"], entry.position.line) == ("pii", "pre_call", 3)
    assert "k-9" not in repr(entry)


def test_variables_of_the_file_are_applied_over_what_is_set():
    settings = read("environment_variables: {A: new, PATH: /evil, B: os.environ/GONE}")
    environ = {"A": "old", "PATH": "/bin"}
    assert apply_environment(settings, environ) == ("A",)
    assert environ == {"A": "new", "PATH": "/bin"}


@pytest.mark.parametrize(("text", "value"), [("true", True), ("'False'", False), ("/etc/ca.pem", "/etc/ca.pem")])
def test_certificates_are_checked_or_not_or_against_a_bundle(text, value):
    assert read(f"litellm_settings: {{ssl_verify: {text}}}").nova.ssl_verify == value
