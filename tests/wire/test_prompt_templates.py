"""Templates of prompts: what stands around the turns of a conversation, by the model's name or the operator's word."""

from __future__ import annotations

from typing import Any

import pytest

from nova_core.errors import ConfigurationError
from nova_core.gateway.catalog import SETTINGS_KEYS
from nova_core.types.chat import ChatRequest
from nova_core.types.deployment import Deployment
from nova_core.types.fidelity import Fate
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.prompt_templates import (
    NAMED,
    TEMPLATE_KEYS,
    check_template,
    family_template,
    in_template,
    template_for,
)

TALK = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Ho"), ("user", "And?")]
MARKS = {"user": {"pre_message": "Q: ", "post_message": "\n"}, "assistant": {"pre_message": "A: "}}


def prompt(model: str, *turns: tuple[str, str], **settings: Any) -> str:
    messages = [{"role": role, "content": text} for role, text in turns or TALK]
    typed = OPENAI_CHAT.parse_request({"model": "m", "messages": messages})
    assert isinstance(typed, ChatRequest)
    notes = ForeignNotes(own=False, dialect="prompts")
    template = template_for(Deployment("d", "g", "p", model, settings=settings))
    made = in_template(typed.messages, template, notes)
    lost = notes.fidelity().of(Fate.LOST)
    assert (made.system, lost) == ("" if template else "Be brief.", ())
    return made.text


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            "meta-llama/Llama-2-70b-chat-hf",
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Ho </s><s>[INST] And? [/INST]",
        ),
        (
            "meta-llama/llama-3-3-70b-instruct",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHo<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nAnd?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        ("mistralai/mistral-large", "<s>[INST] Be brief.\n\nHi [/INST] Ho</s>[INST] And? [/INST]"),
        (
            "HuggingFaceH4/zephyr-7b-beta",
            "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHo</s>\n<|user|>\nAnd?</s>\n<|assistant|>\n",
        ),
        (
            "Qwen/Qwen2.5-7B-Instruct",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nHo<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "google/gemma-2-9b-it",
            "<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHo<end_of_turn>\n"
            "<start_of_turn>user\nAnd?<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            "ibm/granite-3-8b-instruct",
            "<|start_of_role|>system<|end_of_role|>Be brief.<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n"
            "<|start_of_role|>assistant<|end_of_role|>Ho<|end_of_text|>\n"
            "<|start_of_role|>user<|end_of_role|>And?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
        ),
        (
            "ibm/granite-20b-code-instruct",
            "System:\nBe brief.\n\nQuestion:\nHi\n\nAnswer:\nHo\n\nQuestion:\nAnd?\n\nAnswer:\n",
        ),
        ("my-endpoint", "User: Hi\n\nAssistant: Ho\n\nUser: And?\n\nAssistant:"),
    ],
)
def test_a_models_name_says_its_template(model: str, expected: str) -> None:
    assert prompt(model) == expected
    if model != "my-endpoint":
        assert prompt("my-endpoint", hf_model_name=model) == expected


@pytest.mark.parametrize(
    "model", ["meta-llama/Meta-Llama-3-8B", "google/gemma-7b", "mistralai/Mistral-7B-v0.1", "gpt2"]
)
def test_models_that_only_go_on_from_a_text_have_no_template(model: str) -> None:
    assert family_template(model) is None


def test_an_answer_that_was_begun_is_gone_on_from() -> None:
    begun = [("user", "Hi"), ("assistant", "Well, ")]
    assert prompt("qwen2-7b-instruct", *begun).endswith("<|im_start|>assistant\nWell, ")
    assert prompt("mistral-7b-instruct", *begun) == "<s>[INST] Hi [/INST] Well, "


def test_an_operators_template_replaces_what_it_says() -> None:
    own = {"roles": MARKS, "initial_prompt_value": "Talk:\n", "final_prompt_value": "A:"}
    assert prompt("my-endpoint", **own) == "Talk:\nBe brief.Q: Hi\nA: HoQ: And?\nA:"
    assert prompt("my-endpoint", **own, bos_token="<s>", eos_token="</s>") == (
        "<s>Talk:\nBe brief.Q: Hi\nA: Ho</s><s>Q: And?\nA:"
    )
    assert (
        prompt("mistral-7b-instruct", initial_prompt_value="")
        == "[INST] Be brief.\n\nHi [/INST] Ho</s>[INST] And? [/INST]"
    )
    assert prompt("my-endpoint", final_prompt_value="Go.") == "Be brief.\nHi\nHo\nAnd?\nGo."


@pytest.mark.parametrize("wrong", [{"roles": ["user"]}, {"roles": {"user": "Q"}}, {"bos_token": 1}])
def test_what_is_no_template_is_refused_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"`{next(iter(wrong))}`"):
        check_template(Deployment("d", "g", "p", "m", settings=wrong))


def test_a_template_is_a_setting_of_the_deployment_and_no_parameter_of_calls() -> None:
    assert {*TEMPLATE_KEYS, NAMED} <= SETTINGS_KEYS
