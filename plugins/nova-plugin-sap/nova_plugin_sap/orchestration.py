"""Requests and replies of the orchestration service: OpenAI's members, in modules of a configuration."""

# https://help.sap.com/docs/sap-ai-core/generative-ai/orchestration-workflow-v2 and the service's OpenAPI document

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nova_core.wire.enveloped import EMBEDDED, Body, failure, vendors_own
from nova_core.wire.openai_chat.reasoning_models import family_of

MODULES = ("filtering", "masking", "grounding", "translation")
"""Modules beside the prompt and its model, which callers and operators may configure."""
BESIDE = ("placeholder_values", "messages_history")
NOT_PARAMETERS = frozenset(
    {*MODULES, *BESIDE, "model", "model_version", "messages", "tools", "response_format", "stream", "stream_options"}
)
PLACEHOLDER = "{{?"
"""What begins a placeholder in a template; elsewhere in a prompt it must not count as one."""
OWN_NAME = "verbatim_{}"


def rendered(members: Mapping[str, Any], *, streamed: bool) -> Body:
    """The body of a completion, of OpenAI's members, decoded."""
    verbatim: dict[str, str] = {}
    template = [{**message, "content": _verbatim(message.get("content"), verbatim)} for message in members["messages"]]
    prompt: Body = {"template": [_without_null(message) for message in template]}
    for name in ("tools", "response_format"):
        if members.get(name) is not None:
            prompt[name] = members[name]
    params = {name: value for name, value in members.items() if name not in NOT_PARAMETERS and value is not None}
    if "max_tokens" in params and family_of(str(members["model"])) is not None:
        params["max_completion_tokens"] = params.pop("max_tokens")
    config: Body = {"modules": {}}
    if streamed:
        params["stream_options"] = {"include_usage": True}
        config["stream"] = {"enabled": True}
    config["modules"] = {
        "prompt_templating": {"prompt": prompt, "model": _model(members, params)},
        **{name: members[name] for name in MODULES if members.get(name) is not None},
    }
    body: Body = {"config": config} | {name: members[name] for name in BESIDE if members.get(name) is not None}
    return body | ({"placeholder_values": {**(body.get("placeholder_values") or {}), **verbatim}} if verbatim else {})


def rendered_embeddings(members: Mapping[str, Any]) -> Body:
    """The body of an embeddings request, of OpenAI's members, decoded."""
    own = vendors_own(members, EMBEDDED)
    params = own if members.get("dimensions") is None else {**own, "dimensions": members["dimensions"]}
    kind = members.get("input_type") or members.get("task")
    text: Body = {"text": members.get("input"), **({"type": kind} if kind else {})}
    return {"config": {"modules": {"embeddings": {"model": _model(members, params)}}}, "input": text}


def opened(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """A whole reply: OpenAI's, inside of the results of all modules."""
    if "final_result" not in answer:
        return reported(answer)
    return _tidied(answer["final_result"])


def reported(answer: Mapping[str, Any]) -> Body:
    """The error that an answer reports, alone or as the first of several."""
    error: Any = answer.get("error", answer)
    error = error[0] if isinstance(error, list) else error
    return failure(error.get("message"), error.get("code"))


class Opener:
    """Chunks of one stream; the first ones are about modules that say nothing yet."""

    def chunks(self, data: Any, event: str | None) -> Iterable[Mapping[str, Any]]:
        """The chunk of one event."""
        if (result := data.get("final_result")) is not None:
            if result.get("object") != "":
                yield _tidied(result)
        elif "error" in data or "code" in data:
            yield reported(data)

    def end(self) -> Iterable[Mapping[str, Any]]:
        """Nothing is held back."""
        return ()


def _model(members: Mapping[str, Any], params: Body) -> Body:
    version = {"version": members["model_version"]} if members.get("model_version") else {}
    return {"name": members["model"], **version, "params": params}


def _verbatim(content: Any, found: dict[str, str]) -> Any:
    """The content, its texts that look like templates given as the values of placeholders."""
    if isinstance(content, str):
        if PLACEHOLDER not in content:
            return content
        name = OWN_NAME.format(len(found))
        found[name] = content
        return f"{PLACEHOLDER}{name}}}}}"
    if isinstance(content, list):
        return [{**part, "text": _verbatim(part["text"], found)} if "text" in part else part for part in content]
    return content


def _without_null(message: Body) -> Body:
    return {name: value for name, value in message.items() if value is not None}


def _tidied(result: Mapping[str, Any]) -> Body:
    """Without the empty words that stand for nothing, and thoughts under the name that clients know."""
    choices = {"choices": [_choice(choice) for choice in result["choices"]]} if "choices" in result else {}
    return {**result, **choices}


def _choice(choice: Mapping[str, Any]) -> Body:
    part = "delta" if "delta" in choice else "message"
    said = {name: value for name, value in choice[part].items() if name == "content" or value not in ("", None)}
    if isinstance(thoughts := said.pop("reasoning_content", None), list):
        said["reasoning_content"] = "".join(thought.get("content") or "" for thought in thoughts)
        said["thinking_blocks"] = [
            {
                "type": "thinking",
                "thinking": thought.get("content") or "",
                **({"signature": thought["signature"]} if thought.get("signature") else {}),
            }
            for thought in thoughts
        ]
    elif thoughts:
        said["reasoning_content"] = thoughts
    return {**choice, part: said, "finish_reason": choice.get("finish_reason") or None}
