"""How families of language models call their inputs, which every model names for itself."""

# The input schemas on the models' own pages, such as https://replicate.com/meta/meta-llama-3-70b-instruct/api/schema

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """Names of inputs, None for what a family has not. `images` take a list, `image` a single one, and `messages` the
    turns of a conversation in place of a prompt.

    `effort` is a level, `budget` a number of tokens to think with, `thinks` the switch that turns it on.
    """

    models: re.Pattern[str]
    limit: str = "max_tokens"
    system: str | None = "system_prompt"
    messages: str | None = None
    stop: str | None = "stop_sequences"
    image: str | None = None
    images: str | None = None
    effort: str | None = None
    budget: str | None = None
    thinks: str | None = None
    verbosity: str | None = None
    top_k: bool = True
    sampled: bool = True


FAMILIES: tuple[Family, ...] = (
    Family(
        re.compile(r"anthropic/"),
        stop=None,
        image="image",
        budget="thinking_budget_tokens",
        thinks="extended_thinking",
        top_k=False,
        sampled=False,
    ),
    Family(
        re.compile(r"openai/"),
        limit="max_completion_tokens",
        messages="messages",
        stop=None,
        images="image_input",
        effort="reasoning_effort",
        verbosity="verbosity",
        top_k=False,
    ),
    Family(
        re.compile(r"google/gemini"),
        limit="max_output_tokens",
        system="system_instruction",
        stop=None,
        images="images",
        budget="thinking_budget",
        top_k=False,
    ),
    Family(re.compile(r"meta/llama-2|mistralai/|.*(codellama|wizardcoder)"), limit="max_new_tokens"),
    Family(re.compile(r".*(vicuna|flan|dolly|stablelm)"), limit="max_length", system=None),
    Family(re.compile(r"deepseek-ai/"), system=None, stop=None, top_k=False),
    Family(re.compile(r".*(llava|moondream|minicpm|-vl|vision)"), system=None, stop=None, image="image", top_k=False),
    Family(re.compile(r"")),
)
"""The first family that matches a model's name counts."""


def family_of(model: str) -> Family:
    """The family of a model."""
    return next(family for family in FAMILIES if family.models.match(model.removeprefix("deployments/")))
