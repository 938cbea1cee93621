"""The configuration that Nova users have today loads unchanged."""

from __future__ import annotations

from pathlib import Path

from nova_core.config import check_keys, load, protective_refusals, read_settings

FILE = Path(__file__).parent / "files" / "nova.yaml"
ENVIRON = {"REMODLAI_API_BASE": "http://nova:8000/v1", "REMODLAI_API_KEY": "upstream-key"}


def test_every_deployment_arrives_with_its_params_and_info():
    models = read_settings(load(FILE, environ=ENVIRON)).models
    assert [entry.model_name for entry in models] == ["nova-embeddings-v1", "nova-embeddings-v1", "remodlai/*"]
    assert models[0].params == {
        "model": "remodlai/nova-embeddings-retrieval",
        "api_base": "http://nova:8000/v1",
        "api_key": "upstream-key",
        "tags": ["retrieval", "retrieval.query", "retrieval.passage"],
    }
    assert models[0].info == {"mode": "embedding", "id": "nova-embeddings-retrieval"}
    assert models[1].params["custom_llm_provider"] == "remodlai"
    assert models[2].params == {"model": "remodlai/*", "api_base": "http://nova:8000/v1"}


def test_the_settings_sections_are_typed():
    settings = read_settings(load(FILE, environ=ENVIRON))
    assert settings.callbacks == ("nova_task_router",)
    assert settings.nova.drop_params is True
    assert settings.router.enable_tag_filtering is True
    assert settings.router.tag_filtering_match_any is True
    assert settings.general.master_key is not None
    assert settings.general.master_key.get_secret_value() == "sk-1234"


def test_nothing_is_wrong_with_it():
    loaded = load(FILE, environ=ENVIRON)
    assert check_keys(loaded) == []
    assert protective_refusals(read_settings(loaded)) == []


def test_a_local_server_needs_no_key_so_a_missing_one_is_only_a_warning_at_its_line():
    loaded = load(FILE, environ={"REMODLAI_API_BASE": "http://nova:8000/v1"})
    settings = read_settings(loaded)
    assert "api_key" not in settings.models[0].params
    assert settings.models[0].unresolved == ("REMODLAI_API_KEY",)
    [problem] = check_keys(loaded)
    assert (problem.severity, problem.code, problem.line, problem.column) == ("warning", "unresolved", 6, 7)
    assert problem.file == str(FILE)
    assert "REMODLAI_API_KEY" in problem.message
