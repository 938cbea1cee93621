"""What stands around each turn of a conversation in one prompt, as families of models were taught it."""

# The makers' cards of their models, and their tokenizers' chat templates

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nova_core.errors import ConfigurationError
from nova_core.types.chat import Message
from nova_core.types.deployment import Deployment
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.prompts import Prompt, Turns, as_prompt, as_turns

Marks = tuple[str, str]
"""What stands before what is said, and after it."""
TEMPLATE_KEYS: Final = ("roles", "initial_prompt_value", "final_prompt_value", "bos_token", "eos_token")
"""Settings of a deployment that are a template of the operator's."""
NAMED: Final = "hf_model_name"
"""The setting with the name of the model, where a deployment is called otherwise."""


@dataclass(frozen=True, slots=True)
class Template:
    """Marks by role (`system`, `user`, `assistant`), and what begins and ends the whole.

    `bos` opens the first exchange and each that follows an answer, `eos` closes answers. `nested` instructions stand
    within the first question.
    """

    roles: Mapping[str, Marks] = field(default_factory=dict)
    start: str = ""
    end: str = ""
    bos: str = ""
    eos: str = ""
    nested: bool = False

    def prompt(self, told: Turns) -> str:
        """The whole prompt; where the assistant spoke last, it goes on from what it said."""
        if told.turns and told.turns[-1][0] == "assistant":
            *turns, (_, begun) = told.turns
            return self._said(replace(told, turns=tuple(turns))) + self._marks("assistant")[0] + begun
        return self._said(told) + self.end

    def _said(self, told: Turns) -> str:
        return self.bos + self.start + "".join(self._pieces(told))

    def _pieces(self, told: Turns) -> Iterator[str]:
        system = "".join((self._marks("system")[0], told.system, self._marks("system")[1])) if told.system else ""
        if not self.nested:
            yield system
            system = ""
        answered = False
        for role, text in told.turns:
            before, after = self._marks(role)
            reopened = self.bos if answered and role == "user" else ""
            yield f"{reopened}{before}{system}{text}{after}{self.eos if role == 'assistant' else ''}"
            system, answered = "", role == "assistant"
        yield system

    def _marks(self, role: str) -> Marks:
        return self.roles.get(role, ("", ""))


def tagged(before: str, after: str, start: str = "") -> Template:
    """A template whose marks name who speaks: `{}` in `before` stands for the role."""
    roles = {role: (before.format(role), after) for role in ("system", "user", "assistant")}
    return Template(roles, start, before.format("assistant"))


HEADERS: Final = tagged("<|start_header_id|>{}<|end_header_id|>\n\n", "<|eot_id|>", start="<|begin_of_text|>")
SHORT_HEADERS: Final = tagged("<|header_start|>{}<|header_end|>\n\n", "<|eot|>", start="<|begin_of_text|>")
CHATML: Final = tagged("<|im_start|>{}\n", "<|im_end|>\n")
INST: Final = Template(
    {"system": ("", "\n\n"), "user": ("[INST] ", " [/INST]"), "assistant": (" ", "")},
    start="<s>", eos="</s>", nested=True,
)  # fmt: skip
INST_WITH_SYSTEM: Final = Template(
    {"system": ("<<SYS>>\n", "\n<</SYS>>\n\n"), "user": ("[INST] ", " [/INST]"), "assistant": (" ", " ")},
    bos="<s>", eos="</s>", nested=True,
)  # fmt: skip
THOUGHTFUL: Final = Template(
    {"user": ("<｜User｜>", ""), "assistant": ("<｜Assistant｜>", "<｜end▁of▁sentence｜>")},
    start="<｜begin▁of▁sentence｜>",
    end="<｜Assistant｜><think>\n",
)
"""Of models whose answers begin with their thoughts, which `</think>` ends."""
FAMILIES: Final[tuple[tuple[re.Pattern[str], Template], ...]] = tuple(
    (re.compile(names), template)
    for names, template in (
        (r"deep-?seek.?r1", THOUGHTFUL),
        (r"llama-?4.*instruct", SHORT_HEADERS),
        (r"llama-?3.*instruct", HEADERS),
        (r"llama-?2.*chat|codellama.*instruct", INST_WITH_SYSTEM),
        (r"mi[sx]tral.*(instruct|large|medium|small)|ministral.*instruct", INST),
        (r"zephyr", tagged("<|{}|>\n", "</s>\n")),
        (r"phi-?3", tagged("<|{}|>\n", "<|end|>\n")),
        (r"gemma.*-it", Template(
            {
                "system": ("", "\n\n"), "user": ("<start_of_turn>user\n", "<end_of_turn>\n"),
                "assistant": ("<start_of_turn>model\n", "<end_of_turn>\n"),
            },
            start="<bos>", end="<start_of_turn>model\n", nested=True,
        )),
        (r"granite.*code", Template(
            {"system": ("System:\n", "\n\n"), "user": ("Question:\n", "\n\n"), "assistant": ("Answer:\n", "\n\n")},
            end="Answer:\n",
        )),
        (r"granite-13b-chat", tagged("<|{}|>\n", "\n")),
        (r"granite-[34]", tagged("<|start_of_role|>{}<|end_of_role|>", "<|end_of_text|>\n")),
        (r"chatml|qwen.*(instruct|chat)|qwen-?3|hermes|dolphin|smollm.*instruct|yi-.*chat|mpt-.*chat", CHATML),
        (r"alpaca|wizardcoder|codellama.*phind|phind.*codellama", Template(
            {"system": ("", "\n\n"), "user": ("### Instruction:\n", "\n\n"), "assistant": ("### Response:\n", "\n\n")},
            end="### Response:\n",
        )),
    )
)  # fmt: skip
"""Templates by what names of models say; the first that fits is the model's."""


def family_template(model: str) -> Template | None:
    """The template of a model by its name; None where it says nothing."""
    name = model.lower()
    return next((template for names, template in FAMILIES if names.search(name)), None)


def template_for(deployment: Deployment, known: Template | None = None) -> Template | None:
    """The operator's template, or that of the model's family; None where neither is known.

    `known` is what the provider knows of the model, beside its name.
    """
    named = deployment.settings.get(NAMED)
    known = (family_template(str(named)) if named else None) or known or family_template(deployment.model)
    given = {name: deployment.settings[name] for name in TEMPLATE_KEYS if deployment.settings.get(name) is not None}
    if not given:
        return known
    known = known or Template(dict.fromkeys(("system", "user", "assistant"), ("", "\n")))
    if "roles" in given:
        known = Template({role: _marks_of(marks) for role, marks in given["roles"].items()})
    return replace(
        known,
        start=given.get("initial_prompt_value", known.start),
        end=given.get("final_prompt_value", known.end),
        bos=given.get("bos_token", known.bos),
        eos=given.get("eos_token", known.eos),
    )


def in_template(messages: tuple[Message, ...], template: Template | None, notes: ForeignNotes) -> Prompt:
    """The prompt in a template, instructions and all; without one it is a question, or a transcript."""
    if template is None:
        return as_prompt(messages, notes)
    told = as_turns(messages, notes)
    return Prompt("", template.prompt(told), told.images)


def check_template(deployment: Deployment) -> None:
    """Raises ConfigurationError for settings of a template that are none."""
    roles = deployment.settings.get("roles")
    marks = roles.values() if isinstance(roles, Mapping) else (roles,)
    if roles is not None and not all(isinstance(each, Mapping) for each in marks):
        raise ConfigurationError(
            f"`roles` of {deployment.model} says for each role what stands around it: "
            "`user: {pre_message: …, post_message: …}`"
        )
    for name in TEMPLATE_KEYS[1:]:
        if not isinstance(deployment.settings.get(name), str | None):
            raise ConfigurationError(f"`{name}` of {deployment.model} must be a text")


def _marks_of(marks: Mapping[str, Any]) -> Marks:
    return str(marks.get("pre_message") or ""), str(marks.get("post_message") or "")
