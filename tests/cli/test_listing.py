"""`nova plugins` and `nova models`."""

from __future__ import annotations

import json

CONFIG = """\
model_list:
  - model_name: parrot
    params: {model: echo/echo}
    model_info: {mode: chat}
  - model_name: lost
    params: {model: nosuchvendor/large}
  - model_name: "any/*"
    params: {model: "echo/*"}
"""


def test_plugins_are_listed_by_distribution_with_state_version_and_names(nova):
    nova.write("nova.yaml", CONFIG)
    rows = {row["distribution"]: row for row in json.loads(nova("plugins", "--json").out)}
    assert rows["nova-plugin-echo"]["state"] == "active"
    assert rows["nova-plugin-echo"]["providers"] == ["echo"]
    assert rows["nova-plugin-openai"]["state"] == "installed"
    assert rows[""]["state"] == "missing"
    assert rows[""]["providers"] == ["nosuchvendor"]


def test_without_a_configuration_nothing_is_active(nova):
    ran = nova("plugins")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["STATE", "DISTRIBUTION", "VERSION", "PROVIDES"]
    assert "active" not in ran.out
    assert "provider echo" in ran.out


def test_a_missing_plugin_is_listed_first_with_its_mend(nova):
    nova.write("nova.yaml", CONFIG)
    ran = nova("plugins")
    assert ran.out.splitlines()[1].startswith("missing")
    assert "pip install nova-plugin-nosuchvendor" in ran.out


def test_a_broken_plugin_is_listed_by_distribution_with_the_reason(nova, site):
    site.add("nova-plugin-bad", {"nova.providers": {"bad": "bad_provider:plugin"}}, {"bad_provider": "import no_leaf"})
    nova.write("nova.yaml", CONFIG.replace("nosuchvendor/large", "bad/large"))
    ran = nova("plugins")
    assert ran.code == 0
    assert "broken: nova-plugin-bad: " in ran.out
    assert "no_leaf" in ran.out


def test_the_pipeline_is_printed_in_the_order_in_which_it_runs(nova):
    nova.write("nova.yaml", CONFIG)
    rows = json.loads(nova("plugins", "--pipeline", "--json").out)
    assert ("provider_call", "echo") in [(row["hook"], row["provider"]) for row in rows]
    plain = nova("plugins", "--pipeline").out.splitlines()
    assert plain[0].split() == ["HOOK", "ORDER", "PLUGIN", "DISTRIBUTION", "VERSION", "KIND"]
    assert len(plain) == len(rows) + 1


def test_a_pipeline_needs_a_configuration(nova):
    ran = nova("plugins", "--pipeline")
    assert ran.code == 2
    assert "--config" in ran.err


def test_models_of_the_configuration_and_of_the_installed_providers_are_listed(nova):
    nova.write("nova.yaml", CONFIG)
    rows = {row["name"]: row for row in json.loads(nova("models", "--json").out)}
    assert (rows["parrot"]["mode"], rows["parrot"]["served_by"]) == ("chat", "echo/echo")
    assert "nova-plugin-nosuchvendor" in rows["lost"]["problem"]
    assert rows["echo/echo"]["source"] == "nova-plugin-echo"


def test_a_provider_that_cannot_list_its_models_does_not_hide_the_others(nova, site):
    site.add("nova-plugin-bad", {"nova.providers": {"bad": "bad_provider:plugin"}}, {"bad_provider": "import no_leaf"})
    ran = nova("models")
    assert ran.code == 0
    assert "echo/echo" in ran.out
    assert "nova-plugin-bad" in ran.err


def test_an_unusable_configuration_is_reported_with_file_and_line(nova):
    nova.write("nova.yaml", "model_list:\n  - model_name: parrot\n")
    ran = nova("models")
    assert ran.code == 1
    assert ran.err.startswith("nova.yaml:2: error:")
    assert "Traceback" not in ran.err


def test_models_are_listed_with_their_context_and_prices_where_they_are_known(nova):
    nova.write(
        "nova.yaml",
        CONFIG + "  - model_name: priced\n"
        "    params: {model: echo/a, input_cost_per_token: 0.0000025, output_cost_per_token: 0.00001}\n"
        "    model_info: {max_input_tokens: 128000}\n"
        "  - model_name: parrot\n"
        "    params: {model: echo/a, input_cost_per_token: 0.0000025}\n",
    )
    rows = {row["name"]: row for row in json.loads(nova("models", "--json").out)}
    assert [rows["priced"][key] for key in ("context", "input_price", "output_price")] == [128000, 2.5, 10.0]
    assert rows["parrot"]["input_price"] is None, "one of its deployments has no known price"
    lines = nova("models").out.splitlines()
    assert lines[0].split("  ")[0].strip() == "MODEL" and "$/M IN" in lines[0]
    (line,) = [line for line in lines if line.startswith("priced")]
    assert line.split()[1:5] == ["-", "128,000", "2.5", "10"]


CAPABLE = """\
model_list:
  - model_name: chat
    params: {model: anthropic/claude-sonnet-4-5, api_key: k}
  - model_name: chat
    params: {model: ollama/llava}
    model_info: {supports_vision: true, supports_audio_input: true}
  - model_name: instruct
    params: {model: text-completion-openai/gpt-3.5-turbo-instruct, api_key: k}
    model_info: {supports_vision: true}
  - model_name: voice
    params: {model: aws_polly/neural, api_key: k, aws_region_name: eu-west-1}
"""


def test_what_a_model_can_be_asked_for_is_what_its_provider_sends_and_it_takes(nova):
    nova.write("nova.yaml", CAPABLE)
    claude, llava, instruct, voice = json.loads(nova("models", "--capabilities", "--json").out)
    assert claude["name"] == llava["name"] == "chat"
    assert claude["supports_function_calling"] is True
    assert claude["supports_audio_input"] is False
    assert "logit_bias" not in claude["supported_openai_params"]
    assert {"temperature", "tools"} <= set(claude["supported_openai_params"])
    assert llava["supports_vision"] is True
    assert llava["supports_audio_input"] is False, "no word of the operator gives a provider words it has not"
    assert llava["supports_function_calling"] is None
    assert instruct["supports_vision"] is False
    assert voice["supported_params_beside_chat"] == {"speech": ["voice", "response_format", "stream_format"]}
    assert claude["supported_params_beside_chat"] == {}
    lines = nova("models", "--capabilities").out.splitlines()
    assert lines[0].split()[:5] == ["MODEL", "SERVED", "BY", "TOOLS", "PARALLEL"]
    assert lines[2].split() == [
        "chat",
        "ollama/llava",
        "sent",
        "sent",
        "yes",
        "no",
        "no",
        "sent",
        "sent",
        "left",
        "out",
    ]


def test_capabilities_need_a_configuration(nova):
    assert nova("models", "--capabilities").code == 2
