"""Wrong keys and values are reported in plain words at their line, without the value."""

from __future__ import annotations

import json

import pytest

from nova_core.config import ConfigError, Problem, check_keys, loads, read_settings

MODEL = "model_list: [{model_name: a, litellm_params: {model: p/a}}]\n"


def problems(text: str, **environ: str) -> list[Problem]:
    return check_keys(loads(text, "f.yaml", environ=environ))


def only(text: str, **environ: str) -> Problem:
    [problem] = problems(text, **environ)
    return problem


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("router_settings:\n  num_retries: many\n", 2, "`router_settings.num_retries` must be a whole number"),
        ("router_settings:\n  num_retries: -1\n", 2, "`router_settings.num_retries` must be at least 0"),
        ("router_settings:\n  timeout: 0\n", 2, "`router_settings.timeout` must be greater than 0"),
        ("litellm_settings:\n\n  drop_params: maybe\n", 3, "`litellm_settings.drop_params` must be true or false"),
        ("nova_settings:\n  drop_params: 7\n", 2, "`nova_settings.drop_params` must be true or false"),
        ("litellm_settings:\n  callbacks:\n  - a\n  - {b: c}\n", 4, "`litellm_settings.callbacks[1]` must be text"),
        ("litellm_settings:\n  cache_params:\n    ttl: x\n", 3, "`litellm_settings.cache_params.ttl` must be a number"),
        ("litellm_settings: {cache_params: {mode: off}}\n", 1, "must be text"),
        ("litellm_settings: {cache_params: {mode: never}}\n", 1, "must be default_on or default_off"),
        ("router_settings: [a]\n", 1, "`router_settings` must be a mapping (key: value)"),
        ("model_list: {a: b}\n", 1, "`model_list` must be a list"),
        ("model_list:\n  - a\n", 2, "`model_list[0]` must be a mapping (key: value)"),
        ("model_list:\n  - litellm_params: {model: p/a}\n", 2, "`model_name` is required"),
        ("model_list:\n  - model_name: a\n", 2, "`params` is required in an entry of model_list"),
        ("model_list:\n- model_name: a\n  params: {api_base: x}\n", 3, "`model_list[0].params.model` is required"),
        ("model_list:\n- model_name: a\n  params: {}\n", 3, "`model_list[0].params.model` is required"),
        ("model_list:\n- model_name: a\n  params:\n    model: ''\n", 4, "[0].params.model` must not be empty"),
        ("model_list:\n- model_name: a\n  litellm_params:\n    model: p/a\n    weight: heavy\n", 5,
         "`model_list[0].litellm_params.weight` must be a number"),
        ("model_list:\n- model_name: a\n  litellm_params:\n    model: p/a\n    tags:\n    - [x]\n", 6,
         "`model_list[0].litellm_params.tags[0]` must be text"),
        ("model_list:\n- model_name: a\n  litellm_params: {model: a}\n  model_info:\n    input_cost_per_image: x\n", 5,
         "`model_list[0].model_info.input_cost_per_image` must be a number"),
        ("router_settings:\n  fallbacks:\n    - {a: [b]}\n    - {c: [d], e: [f]}\n", 4,
         "`router_settings.fallbacks[1]` each entry must have exactly one key"),
        ("router_settings:\n  fallbacks:\n    - a: {b: c}\n", 3, "fallbacks[0].a` must be a list of model"),
        ("router_settings: {fallbacks: a}\n", 1, "must be a list such as"),
        ("router_settings:\n  model_group_alias:\n    a: {hidden: true}\n", 3,
         "`router_settings.model_group_alias.a.model` is required"),
        ("general_settings:\n  limits:\n    body_mb: 1\n    boddy_mb: 2\n", 4,
         "`general_settings.limits.boddy_mb` is not a key that is known here"),
        ("general_settings:\n  log: {level: loud}\n", 2, "`general_settings.log.level` must be one of"),
        ("general_settings:\n  header_prefix: 'x y'\n", 2, "must be the beginning of a header name"),
        ("general_settings:\n  master_key: ''\n", 2, "`general_settings.master_key` must not be empty"),
        ("general_settings:\n  tls: {cert_file: a}\n", 2, "`general_settings.tls.key_file` is required"),
        ("environment_variables: [A]\n", 1, "`environment_variables` must be a mapping"),
        ("environment_variables:\n  A: [b]\n", 2, "the value of `A` must be text"),
        ("plugins: 7\n", 1, "`plugins` must be `auto`"),
        ("plugins:\n  - a\n  - 7\n", 3, "a plugin must be a name"),
        ("plugins:\n  a: 7\n", 2, "a plugin must be a name"),
        ("ignore_unsupported: {a: b}\n", 1, "`ignore_unsupported` must be a list"),
        ("credential_list:\n  - credential_values: {api_key: k}\n", 2, "credential_name` is required"),
    ],
)  # fmt: skip
def test_a_wrong_value_stops_the_start_with_its_line(text, line, words):
    found = [problem for problem in problems(text) if problem.severity == "error"]
    assert [(problem.file, problem.line) for problem in found] == [("f.yaml", line)]
    assert words in found[0].render()
    with pytest.raises(ConfigError) as caught:
        read_settings(loads(text, "f.yaml", environ={}))
    assert caught.value.problems == tuple(found)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("general_setings: {}\n", 1, "did you mean `general_settings`?"),
        ("router_settings:\n  enable_tag_filterin: true\n", 2, "did you mean `enable_tag_filtering`?"),
        ("litellm_settings:\n  drop_param: true\n", 2, "did you mean `drop_params`?"),
        ("general_settings:\n  drop_params: true\n", 2, "it belongs in `nova_settings`"),
        ("model_list:\n- model_name: a\n  params: {model: p/a}\n  model_inf: {}\n", 4, "did you mean `model_info`?"),
        ("model_list:\n- model_name: a\n  params:\n    model: p/a\n    wieght: 1\n", 5, "did you mean `weight`?"),
        ("model_list:\n- model_name: a\n  params:\n    model: p/a\n    api_bases: x\n", 5, "did you mean `api_base`?"),
        ("router_settings: {routing_strategy: simple-shufle}\n", 1, "did you mean `simple-shuffle`?"),
        ("compat: {tag_errors_401: true}\n", 1, "did you mean `tag_error_401`?"),
    ],
)
def test_an_unknown_key_is_a_warning_that_names_the_nearest(text, line, hint):
    problem = only(text)
    assert (problem.severity, problem.code, problem.line, problem.hint) == ("warning", "unknown-key", line, hint)
    assert read_settings(loads(text, environ={})).unknown == (problem.path,)


@pytest.mark.parametrize("key", ["top_p", "some_vendor_option", "aws_region_name", "num_ctx", "x"])
def test_parameters_of_the_call_are_no_unknown_keys(key):
    assert problems(f"model_list: [{{model_name: a, params: {{model: p/a, {key}: 1}}}}]\n") == []


def test_top_level_anchors_may_be_kept_under_an_x_key():
    assert problems("x-shared: &s {model: p/a}\nmodel_list: [{model_name: a, params: *s}]\n") == []


def test_all_errors_are_reported_at_once_in_reading_order():
    text = "router_settings: {timeout: x}\ngeneral_settings: {root_path: []}\nlitellm_settings: {cache: x}\nodd: 1\n"
    assert [problem.line for problem in problems(text)] == [1, 2, 3, 4]


def test_two_spellings_of_a_section_are_merged():
    settings = read_settings(loads("""
litellm_settings: {drop_params: true, num_retries: 1}
nova_settings: {drop_params: true, request_timeout: 5}
model_list: [{model_name: a, params: {model: p/a}, litellm_params: {model: p/a, order: 1}}]
""", environ={}))  # fmt: skip
    assert (settings.nova.drop_params, settings.nova.num_retries, settings.nova.request_timeout) == (True, 1, 5)
    assert settings.models[0].params == {"model": "p/a", "order": 1}


@pytest.mark.parametrize(
    ("text", "line", "other"),
    [
        ("litellm_settings:\n  drop_params: true\nnova_settings:\n  drop_params: false\n", 4, "f.yaml:2"),
        ("model_list:\n- model_name: a\n  litellm_params:\n    model: p/a\n  params:\n    model: p/b\n", 6, "f.yaml:4"),
    ],
)
def test_two_values_for_one_key_are_an_error_naming_both_places(text, line, other):
    [problem] = [problem for problem in problems(text) if problem.code == "conflict"]
    assert (problem.severity, problem.line) == ("error", line)
    assert other in problem.message


def test_an_unknown_credential_is_a_warning_at_its_line():
    problem = only(
        "credential_list: [{credential_name: europe, credential_values: {api_key: k}}]\n"
        "model_list:\n- model_name: a\n  params:\n    model: p/a\n    litellm_credential_name: europa\n"
    )
    assert (problem.code, problem.line, problem.hint) == ("credential", 6, "did you mean `europe`?")


@pytest.mark.parametrize("value", ["oidc/google/aud", "os.environ.KEY", "env/KEY", "Bearer os.environ/KEY"])
def test_a_reference_of_another_kind_is_warned_about_since_it_would_be_sent_as_it_is(value):
    problem = only(f"model_list:\n- model_name: a\n  params:\n    model: p/a\n    api_key: {value}\n")
    assert (problem.severity, problem.line) == ("warning", 5)


SECRET = "sk-hidden-value-0001"


@pytest.mark.parametrize(
    "text",
    [
        f"general_settings: {{master_key: [{SECRET}]}}",
        f"general_settings: {{keys: [{SECRET}, {SECRET}]}}",
        f"general_settings: {{keys: [{{key: {SECRET}, model: x}}]}}",
        f"general_settings: {{tls: {SECRET}, log: {{level: {SECRET}}}, header_prefix: '{SECRET} x'}}",
        f"router_settings: {{num_retries: {SECRET}, routing_strategy: [{SECRET}], fallbacks: {SECRET}}}",
        f"litellm_settings: {{cache: {SECRET}, cache_params: {{mode: {SECRET}}}}}",
        f"model_list: [{{model_name: a, params: {{model: p/a, timeout: {SECRET}, api_key: {{x: {SECRET}}}}}}}]",
        f"litellm_settings: {{max_tokens: 1}}\nnova_settings: {{openai_key: {SECRET}}}\n"
        f"credential_list: [{{credential_name: [x], credential_values: {SECRET}}}]",
    ],
)
def test_no_problem_quotes_a_value(text):
    found = problems(text)
    assert found
    assert not [problem for problem in found if SECRET in problem.render() + json.dumps(problem.to_json())]


def test_a_problem_has_a_json_form():
    assert only("router_settings:\n  timeout: x\n").to_json() == {
        "severity": "error", "code": "type", "message": "`router_settings.timeout` must be a number", "hint": None,
        "file": "f.yaml", "line": 2, "column": 3, "path": "router_settings.timeout",
    }  # fmt: skip
