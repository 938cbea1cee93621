"""`nova check`, `nova init` and how a configuration is found."""

from __future__ import annotations

import json

import pytest

GOOD = """\
model_list:
  - model_name: parrot
    params:
      model: echo/echo
"""
BAD = """\
model_list:
  - model_name: parrot
    params:
      model: echo/echo
router_settings:
  num_retires: 2
"""
WARNED = """\
model_list:
  - model_name: parrot
    params:
      model: echo/echo
      tags: [a]
"""


def test_a_right_file_is_exit_code_0(nova):
    nova.write("good.yaml", GOOD)
    ran = nova("check", "good.yaml")
    assert (ran.code, ran.out, ran.err) == (0, "good.yaml: no problems\n", "")


def test_a_typo_is_reported_with_file_line_and_the_right_spelling(nova):
    nova.write("bad.yaml", BAD)
    ran = nova("check", "bad.yaml")
    assert ran.code == 1
    assert "bad.yaml:6: " in ran.out
    assert "num_retries" in ran.out


def test_a_missing_plugin_is_reported_with_its_line_and_the_pip_line(nova):
    nova.write("bad.yaml", GOOD.replace("echo/echo", "nosuchvendor/large"))
    ran = nova("check", "bad.yaml")
    assert ran.code == 1
    assert "bad.yaml:4: error:" in ran.out
    assert "pip install nova-plugin-nosuchvendor" in ran.out


def test_a_warning_is_refused_unless_lenient(nova):
    nova.write("warned.yaml", WARNED)
    assert nova("check", "warned.yaml").code == 1
    ran = nova("check", "warned.yaml", "--lenient")
    assert ran.code == 0
    assert "warned.yaml:5: warning:" in ran.out


def test_findings_as_json_have_file_line_and_code(nova):
    nova.write("bad.yaml", BAD)
    ran = nova("check", "bad.yaml", "--json")
    found = json.loads(ran.out)
    assert (ran.code, found["ok"], found["file"]) == (1, False, "bad.yaml")
    assert [(each["file"], each["line"], each["path"]) for each in found["problems"]] == [
        ("bad.yaml", 6, "router_settings.num_retires")
    ]


@pytest.mark.parametrize("text", ["model_list: [", "", "- a\n- b\n", "model_list: 3\n"])
def test_a_file_that_is_no_configuration_is_a_problem_and_no_traceback(nova, text):
    nova.write("broken.yaml", text)
    ran = nova("check", "broken.yaml")
    assert ran.code == 1
    assert "broken.yaml" in ran.out
    assert "Traceback" not in ran.err


def test_a_file_that_is_not_there_is_a_problem(nova):
    ran = nova("check", "none.yaml")
    assert ran.code == 1
    assert "none.yaml" in ran.out


def test_the_schema_is_json_schema(nova):
    schema = json.loads(nova("check", "--schema").out)
    assert "model_list" in schema["properties"]


@pytest.mark.parametrize("variable", ["NOVA_CONFIG", "CONFIG_FILE_PATH"])
def test_the_file_may_be_named_in_the_environment(nova, variable):
    nova.write("deep/other.yaml", GOOD)
    assert nova("check", env={variable: "deep/other.yaml"}).out == "deep/other.yaml: no problems\n"


@pytest.mark.parametrize("name", ["nova.yaml", "config.yaml"])
def test_the_file_may_have_a_usual_name(nova, name):
    nova.write(name, GOOD)
    assert nova("check").out == f"{name}: no problems\n"


def test_without_a_file_the_command_says_how_to_get_one(nova):
    ran = nova("check")
    assert ran.code == 2
    assert "nova init" in ran.err


def test_a_dotenv_beside_the_configuration_resolves_references(nova):
    nova.write("deep/nova.yaml", GOOD + "general_settings:\n  master_key: os.environ/SOME_MASTER_KEY\n")
    assert nova("check", "deep/nova.yaml").code == 1
    nova.write("deep/.env", "SOME_MASTER_KEY=sk-1234\n")
    ran = nova("check", "deep/nova.yaml")
    assert (ran.code, "sk-1234" in ran.out + ran.err) == (0, False)


def test_the_environment_wins_over_a_dotenv(nova):
    nova.write("good.yaml", GOOD)
    nova.write("bad.yaml", BAD)
    nova.write(".env", "NOVA_CONFIG=bad.yaml\n")
    assert nova("check").code == 1
    assert nova("check", env={"NOVA_CONFIG": "good.yaml"}).code == 0


def test_what_init_writes_passes_the_check_and_is_not_written_over(nova):
    assert nova("init").code == 0
    checked = nova("check")
    assert (checked.code, checked.out) == (0, "nova.yaml: no problems\n")
    nova.write("nova.yaml", "mine: true\n")
    again = nova("init")
    assert again.code == 1
    assert "--force" in again.err
    assert (nova.folder / "nova.yaml").read_text() == "mine: true\n"
    assert nova("init", "--force").code == 0
    assert nova("check").code == 0


def test_a_starter_without_any_provider_passes_the_check_too(nova):
    from nova_core.cli.starter import starter_text

    nova.write("bare.yaml", starter_text("bare.yaml", [], []))
    checked = nova("check", "bare.yaml")
    assert (checked.code, checked.out) == (0, "bare.yaml: no problems\n")


def test_what_init_writes_answers(nova):
    nova("init", "first.yaml")
    text = (nova.folder / "first.yaml").read_text()
    assert "model: echo/echo" in text
    assert nova("chat", "--config", "first.yaml", "echo", "hello").out == "hello\n"


def test_what_refuses_the_start_does_not_hide_the_other_findings(nova):
    closed = "general_settings:\n  master_key: os.environ/NO_SUCH_KEY\n  allowed_ips: [10.0.0.0/8]\n"
    nova.write("bad.yaml", GOOD.replace("echo/echo", "nosuchvendor/large") + closed)
    ran = nova("check", "bad.yaml")
    assert ran.code == 1
    assert "bad.yaml:4: error: 'parrot' cannot be served" in ran.out
    assert "bad.yaml:6: error: `general_settings.master_key`" in ran.out
    assert "bad.yaml:7: error: `general_settings.allowed_ips` protects" in ran.out


GUARDS = """\
guardrails:
  - guardrail_name: first
    litellm_params: {guardrail: nosuchguard, mode: pre_call}
litellm_settings:
  callbacks: [nosuchcallback]
"""


def test_missing_plugins_that_are_not_providers_are_found_by_line(nova):
    nova.write("guarded.yaml", GOOD + GUARDS)
    ran = nova("check", "guarded.yaml")
    assert "guarded.yaml:6: error: plugin 'guardrail-nosuchguard'" in ran.out
    assert "guarded.yaml:9: warning: callback 'nosuchcallback'" in ran.out


def test_guardrails_that_may_be_ignored_refuse_nothing(nova):
    nova.write("ignoring.yaml", GOOD + GUARDS + "general_settings: {ignore_unsupported: [guardrails]}\n")
    ran = nova("check", "ignoring.yaml", "--lenient")
    assert ran.code == 0
    assert "ignoring.yaml:6: warning: plugin 'guardrail-nosuchguard'" in ran.out


def test_the_files_own_variables_reach_the_providers_that_are_checked(nova):
    own = "environment_variables: {LM_STUDIO_API_BASE: http://127.0.0.1:1/v1}\n"
    nova.write("own.yaml", GOOD.replace("echo/echo", "lm_studio/large") + own)
    ran = nova("check", "own.yaml")
    assert (ran.code, ran.out) == (0, "own.yaml: no problems\n")


def test_a_default_fallback_that_leads_nowhere_is_found_where_it_stands(nova):
    fallbacks = "router_settings: {fallbacks: [{parrot: [parrot]}]}\nlitellm_settings: {default_fallbacks: [nowhere]}\n"
    nova.write("lost.yaml", GOOD + fallbacks)
    ran = nova("check", "lost.yaml")
    assert "lost.yaml:6: error: fallback 'nowhere'" in ran.out


def test_a_cycle_of_fallbacks_of_several_kinds_is_found(nova):
    other = GOOD.replace("model_list:\n", "").replace("parrot", "raven")
    fallbacks = (
        "router_settings:\n  context_window_fallbacks: [{parrot: [raven]}]\n"
        "  content_policy_fallbacks: [{raven: [parrot]}]\n"
    )
    nova.write("cycle.yaml", GOOD + other + fallbacks)
    ran = nova("check", "cycle.yaml")
    assert ran.code == 1
    assert "the fallbacks of 'parrot' lead back to it" in ran.out
    assert "the fallbacks of 'raven' lead back to it" in ran.out


def test_groups_that_policies_name_must_exist(nova):
    router = (
        "router_settings:\n  context_window_fallbacks: [{parrot: [large]}]\n"
        "  model_group_retry_policy: {parot: {DefaultRetries: 1}}\n  hedging: {model_groups: [ravn]}\n"
    )
    nova.write("lost.yaml", GOOD + router)
    ran = nova("check", "lost.yaml")
    assert "lost.yaml:6: error: fallback 'large' of 'parrot': no such model group" in ran.out
    assert "model_group_retry_policy names 'parot'" in ran.out and "did you mean `parrot`" in ran.out
    assert "hedging names 'ravn'" in ran.out
