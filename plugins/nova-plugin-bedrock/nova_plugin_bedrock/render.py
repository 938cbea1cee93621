"""A typed chat request into the members of a Converse request, and what became of each field."""

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nova_core.types.chat import ChatRequest, ResponseFormat
from nova_core.types.fidelity import Fate, Fidelity
from nova_core.wire.anthropic_messages.render import JSON_ONLY
from nova_core.wire.anthropic_messages.schema import conforming
from nova_core.wire.anthropic_messages.thinking_models import SAMPLING, THINKING, refused_sampling
from nova_plugin_bedrock.names import CLAUDE, NO_SCHEMAS, NOVA, TAKES_TOP_K
from nova_plugin_bedrock.notes import Body, Notes
from nova_plugin_bedrock.thinking import render_thinking
from nova_plugin_bedrock.tools import Tools
from nova_plugin_bedrock.turns import Turns

ADDITIONAL: Final = "additionalModelRequestFields"
OWN_WORDS: Final = (
    "guardrailConfig", "performanceConfig", "requestMetadata", "serviceTier", "promptVariables",
    "additionalModelResponseFieldPaths", ADDITIONAL,
)  # fmt: skip
"""Fields of this API that callers and operators may send beside those of another dialect."""
MODELS_WORDS: Final = ("anthropic_beta",)
"""Fields of models' own APIs, sent among the additional ones."""
TIERS: Final = {
    "auto": "default",
    "default": "default",
    "standard_only": "default",
    "flex": "flex",
    "priority": "priority",
    "reserved": "reserved",
}
LOSSES: Final[Mapping[str, tuple[Any, ...]]] = {
    "n": (1,),
    "seed": (),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
}
"""Fields that the vendor lacks, and the values that say nothing."""


def render(typed: ChatRequest) -> tuple[dict[str, Any], Fidelity]:
    """The members and the report. Paths in the report are those of an OpenAI request, the usual caller's.

    `model` and `stream` are members too: who sends the request puts them into its URL. Raises BadRequestError for
    tool call arguments that are not a JSON object.
    """
    notes = Notes()
    turns = Turns(notes, typed.model)
    system, messages = turns.render(typed)
    tools = Tools(notes, turns, typed.model)
    config = tools.render(typed, messages)
    additional, output = render_thinking(typed, notes)
    additional |= tools.additional
    if typed.response_format is not None:
        output |= _format(typed.response_format, typed.model, system, notes)
    sections: dict[str, Any] = {
        "system": system,
        "inferenceConfig": _sampling(typed, additional, notes),
        "toolConfig": config,
        "outputConfig": output,
    }
    members: dict[str, Any] = {"model": typed.model, "messages": messages}
    members |= {name: value for name, value in sections.items() if value}
    if typed.stream:
        members["stream"] = True
    _who_and_how(typed, members, notes)
    _others_words(typed, members, additional, notes)
    if additional:
        members[ADDITIONAL] = {**additional, **members.get(ADDITIONAL, {})}
    return members, notes.fidelity()


def _sampling(typed: ChatRequest, additional: Body, notes: Notes) -> Body:
    config: Body = {} if typed.max_tokens is None else {"maxTokens": typed.max_tokens}
    given = {name: value for name in SAMPLING if (value := getattr(typed, name)) is not None}
    thinks = additional.get("thinking", {}).get("type") in THINKING
    for note in refused_sampling(typed.model, given, thinks=thinks):
        given.pop(note.field)
        (notes.hint if note.fate is Fate.HINT else notes.lost)(note.field, note.detail)
    _sampled(given, typed.model, config, additional, notes)
    stop = [text for text in typed.stop if text]
    if len(stop) < len(typed.stop):
        notes.lost("stop", "nothing is no stop sequence")
    if stop:
        config["stopSequences"] = stop
    return config


def _sampled(given: Body, model: str, config: Body, additional: Body, notes: Notes) -> None:
    if (temperature := given.get("temperature")) is not None:
        config["temperature"] = min(temperature, 1)
        if temperature > 1:
            notes.approximated("temperature", "the vendor's scale ends at 1")
    config |= {"topP": given["top_p"]} if "top_p" in given else {}
    if (top_k := given.get("top_k")) is None:
        return
    if NOVA.search(model):
        additional["inferenceConfig"] = {"topK": top_k}
    elif TAKES_TOP_K.search(model):
        additional["top_k"] = top_k
    else:
        notes.lost("top_k", "the model does not take it")


def _format(wanted: ResponseFormat, model: str, system: list[Body], notes: Notes) -> Body:
    """The `textFormat` of `outputConfig`; `json_object`, which the vendor has not, becomes an instruction."""
    if wanted.kind == "text":
        notes.hint("response_format", "text is the default")
        return {}
    if wanted.schema is None:
        notes.approximated("response_format", "asked for in the system prompt")
        system.append({"text": JSON_ONLY})
        return {}
    if NO_SCHEMAS.search(model):
        notes.lost("response_format", "the model cannot be held to a schema")
        return {}
    schema = dict(wanted.schema)
    if CLAUDE.search(model) and (strict := conforming(schema)) != schema:
        notes.approximated("response_format.json_schema.schema", "constraints that are not enforced are described")
        schema = strict
    if wanted.strict is not None:
        notes.mapped("response_format.json_schema.strict", "the vendor always holds the model to the schema")
    definition: Body = {"schema": msgspec.json.encode(schema).decode()}
    for name in ("name", "description"):
        if (value := getattr(wanted, name)) is not None:
            definition[name] = value
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}


def _who_and_how(typed: ChatRequest, members: Body, notes: Notes) -> None:
    if typed.service_tier is not None:
        if tier := TIERS.get(typed.service_tier):
            members["serviceTier"] = {"type": tier}
        else:
            notes.hint("service_tier", "the vendor has no such tier")
    if typed.include_usage is not None:
        notes.mapped("stream_options.include_usage", "usage is always streamed")
    for name, defaults in LOSSES.items():
        value = getattr(typed, name)
        if value is not None:
            (notes.hint if value in defaults else notes.lost)(name)
    if typed.modalities:
        (notes.hint if set(typed.modalities) == {"text"} else notes.lost)("modalities")
    for name in ("user", "metadata", "store", "prompt_cache_key", "verbosity"):
        if getattr(typed, name) is not None:
            notes.hint(name)


def _others_words(typed: ChatRequest, members: Body, additional: Body, notes: Notes) -> None:
    """Extras of other dialects: this API's own fields and its models' are sent, the rest is noted."""
    left: dict[str, dict[str, Any]] = {}
    for dialect, fields in typed.extra.items():
        for name, value in fields.items():
            if name in OWN_WORDS:
                members[name] = value
            elif name in MODELS_WORDS:
                additional[name] = value
            elif name in ("thinking", "output_config"):
                notes.hint(name, "what the vendor has no word for")
            else:
                left.setdefault(dialect, {})[name] = value
    notes.foreign(left)
