"""`supports_…` and lists of parameters: the provider's word and the model's facts together."""

from __future__ import annotations

import pytest

import nova_core
from nova_core import ModelNotFoundError, get_model_info, get_supported_openai_params, register_model

QUESTIONS = [name for name in nova_core.__all__ if name.startswith("supports_")]


@pytest.fixture(scope="module", autouse=True)
def _known() -> None:
    seeing = {"supports_vision": True, "supports_audio_input": True, "supports_function_calling": True}
    register_model({"ollama/abilities": seeing, "openai/abilities": {**seeing, "supports_web_search": False}})


@pytest.mark.parametrize(
    ("model", "abilities"),
    [
        ("ollama/abilities", {"vision", "function_calling", "system_messages", "native_streaming"}),
        ("openai/abilities", {"vision", "audio_input", "function_calling", "system_messages", "native_streaming"}),
        ("openai/nobody-knows-it", {"system_messages", "native_streaming"}),
        ("nobody/abilities", set()),
    ],
)
def test_a_model_has_what_is_known_of_it_and_its_provider_can_say(model, abilities):
    assert {name.removeprefix("supports_") for name in QUESTIONS if getattr(nova_core, name)(model)} == abilities


def test_the_provider_may_be_given_apart():
    assert nova_core.supports_vision("abilities", custom_llm_provider="ollama")


def test_parameters_are_those_that_reach_the_model():
    taken = get_supported_openai_params("ollama/abilities")
    assert taken is not None
    assert {"temperature", "tools", "seed"} <= set(taken)
    assert not {"n", "logit_bias", "user", "store"} & set(taken)
    register_model({"openai/strict": {"supported_openai_params": ["temperature", "tools"]}})
    assert get_supported_openai_params("openai/strict") == ["temperature", "tools"]
    assert get_supported_openai_params("openai/strict", request_type="embeddings") == ["temperature", "tools"]
    assert get_supported_openai_params("deepgram/nova-3", request_type="transcription") == [
        "response_format",
        "language",
        "timestamp_granularities",
        "stream",
    ]
    assert get_supported_openai_params("nobody/abilities") is None


def test_model_info_has_each_ability_that_is_known():
    info = get_model_info("ollama/abilities")
    assert (info["provider"], info["key"]) == ("ollama", "abilities")
    assert info["supports_vision"] is True
    assert info["supports_audio_input"] is False
    assert "supports_reasoning" not in info
    with pytest.raises(ModelNotFoundError):
        get_model_info("nobody/abilities")
