"""A key that closes something is never ignored in silence."""

from __future__ import annotations

import pytest
import yaml

from nova_core.config import LoadedConfig, check_keys, key_names, loads, protective_refusals, read_settings
from nova_core.config.known_keys import read_known_keys
from nova_core.config.survey import honoured_keys

KNOWN = read_known_keys()
SETTINGS = ["nova_settings", "router_settings", "general_settings"]
IN_SETTINGS = [(section, key) for section in SETTINGS for key in sorted(KNOWN.section(section).protective)]
IN_MODELS = [
    (section, key) for section in ("params", "model_info") for key in sorted(KNOWN.section(section).protective)
]


def refusals(loaded: LoadedConfig, **options) -> list[tuple[str, int | None]]:
    found = protective_refusals(read_settings(loaded), **options)
    assert all((problem.severity, problem.code) == ("error", "protective-key") for problem in found)
    assert set(found) <= set(check_keys(loaded)) or options
    return [(problem.path[-1], problem.line) for problem in found]


@pytest.mark.parametrize(("section", "key"), IN_SETTINGS)
def test_each_protective_setting_refuses_the_start_unless_named(section, key):
    text = f"{section}:\n  {key}: 5\n"
    assert refusals(loads(text, environ={})) == [(key, 2)]
    assert refusals(loads(text, environ={}), ignore=[key]) == []
    assert refusals(loads(text, environ={}), supported=[f"{section}.{key}"]) == []
    assert refusals(loads(f"ignore_unsupported: [{key}]\n{text}", environ={})) == []
    assert refusals(loads(f"ignore_unsupported: [{section}.{key}]\n{text}", environ={})) == []
    assert refusals(loads(f"ignore_unsupported: [other]\n{text}", environ={})) == [(key, 3)]


@pytest.mark.parametrize(("section", "key"), IN_MODELS)
def test_each_protective_key_of_a_deployment_refuses_the_start(section, key):
    entry = {"model_name": "a", "params": {"model": "p/a"}}
    entry.setdefault(section, {})[key] = ["x"]
    loaded = loads(yaml.safe_dump({"model_list": [entry]}), environ={})
    assert [name for name, _ in refusals(loaded)] == [key]
    assert refusals(loaded, supported=key_names(("model_list", section), (key,))) == []
    assert refusals(loaded, ignore=[f"{section}.{key}"]) == []


@pytest.mark.parametrize("key", ["guardrails", *sorted(KNOWN.section("top_level").protective)])
def test_each_protective_section_refuses_the_start(key):
    text = f"{key}: [{{guardrail_name: pii, litellm_params: {{guardrail: presidio, mode: pre_call}}}}]\n"
    assert refusals(loads(text, environ={})) == [(key, 1)]
    assert refusals(loads(text, environ={}), supported=[key]) == []
    assert refusals(loads(text, environ={}), ignore=[key]) == []


@pytest.mark.parametrize("name", sorted(KNOWN.protective_callbacks))
def test_a_callback_that_blocks_calls_refuses_the_start_when_nobody_provides_it(name):
    loaded = loads(f"litellm_settings:\n  callbacks:\n    - other\n    - {name}\n", environ={})
    [problem] = protective_refusals(read_settings(loaded))
    assert (problem.line, problem.path) == (4, ("litellm_settings", "callbacks", 1))
    assert name in problem.message
    assert protective_refusals(read_settings(loaded), supported=[f"callbacks.{name}"]) == []
    assert protective_refusals(read_settings(loaded), ignore=[name]) == []


@pytest.mark.parametrize("value", ["false", "null", "[]", "{}", "''", "'False'"])
def test_a_protective_key_that_is_off_is_no_reason_to_refuse(value):
    text = f"general_settings: {{custom_auth: {value}, allowed_ips: {value}}}\nenable_jwt_auth: {value}\n"
    loaded = loads(text + "guardrails: []\n", environ={})
    found = [problem for problem in check_keys(loaded) if problem.code == "protective-key"]
    assert found == []


def test_a_value_that_is_not_found_may_have_protected():
    text = "general_settings:\n  allowed_ips: os.environ/IPS\n  enable_jwt_auth: os.environ/JWT\n"
    assert refusals(loads(text, environ={})) == [("allowed_ips", 2), ("enable_jwt_auth", 3)]
    assert refusals(loads(text, environ={"IPS": "", "JWT": "false"})) == []


def test_a_harmless_value_is_accepted():
    assert refusals(loads("general_settings: {missing_session_id: generate}", environ={})) == []
    assert refusals(loads("general_settings: {missing_session_id: reject}", environ={})) == [("missing_session_id", 1)]


def test_names_to_ignore_may_stand_under_general_settings():
    text = (
        "general_settings:\n  ignore_unsupported: [custom_auth]\n  custom_auth: auth.check\n  allowed_ips: [10.0.0.1]\n"
    )
    assert refusals(loads(text, environ={})) == [("allowed_ips", 4)]


@pytest.mark.parametrize("section", ["general_settings", "litellm_settings", "litellm_settings.callbacks"])
def test_naming_a_section_does_not_ignore_what_is_in_it(section):
    text = "general_settings: {custom_auth: a.b}\nlitellm_settings: {callbacks: [presidio]}\n"
    assert len(refusals(loads(text, environ={}), ignore=[section])) == 2


def test_a_name_that_ignores_nothing_is_mentioned():
    loaded = loads("ignore_unsupported: [custom_aut]\ngeneral_settings: {custom_auth: a.b}\n", environ={})
    [unused] = [problem for problem in check_keys(loaded) if problem.code == "ignore-unused"]
    assert (unused.line, unused.hint) == (1, "did you mean `custom_auth`?")


def test_a_database_is_not_protective():
    loaded = loads("general_settings: {database_url: 'postgresql://u:p@h/d', store_model_in_db: true}", environ={})
    assert refusals(loaded) == []
    assert [problem.severity for problem in check_keys(loaded)] == ["info", "info"]


@pytest.mark.parametrize("strategy", ["least-busy", "latency-based-routing"])
def test_a_strategy_that_is_not_there_yet_is_listed_but_refuses_nothing(strategy):
    loaded = loads(f"router_settings: {{routing_strategy: {strategy}}}", environ={})
    assert refusals(loaded) == []
    assert read_settings(loaded).unsupported == (("router_settings", "routing_strategy"),)


def test_no_key_is_both_honoured_and_listed_as_having_no_effect():
    both = {name: honoured_keys(name) & (names.known | names.protective) for name, names in KNOWN.sections.items()}
    assert {name: keys for name, keys in both.items() if keys} == {}
    assert not [name for name, names in KNOWN.sections.items() if names.known & names.protective]
