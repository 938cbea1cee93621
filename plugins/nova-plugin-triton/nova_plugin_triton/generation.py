"""The generate extension as a dialect that only an upstream speaks."""

# https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_generate.html,
# https://github.com/triton-inference-server/vllm_backend (additional outputs), …/tensorrtllm_backend (inputs)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nova_core.errors import BadGatewayError, BadRequestError
from nova_core.types.chat import ChatReply, ChatRequest, Choice, Message, Text
from nova_core.types.dialect import StreamDecoder
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Members, Operation, TypedReply, TypedRequest, decoded
from nova_core.types.usage import Usage
from nova_core.wire.foreign_notes import ForeignNotes
from nova_core.wire.prompts import as_prompt, note_text_only, own_inputs
from nova_core.wire.upstream_errors import redacted
from nova_core.wire.upstream_only import UpstreamOnly
from nova_plugin_triton.answers import count_of, finish_of, model_of, text_of
from nova_plugin_triton.streaming import Decoder

NAME: Final = "triton_generate"
PARAMETERS: Final[Mapping[str, str]] = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Names of the typed model, and of parameters; a server makes inputs of those that its model has as inputs."""
ASKED: Final[Mapping[str, bool]] = {
    "exclude_input_in_output": True,
    "return_finish_reason": True,
    "return_num_input_tokens": True,
    "return_num_output_tokens": True,
}
"""What models that know these are asked to answer; others do not mind."""


class TritonGenerate(UpstreamOnly):
    """`POST /v2/models/{model}/generate` and `/generate_stream`."""

    name = NAME
    operation: Operation = "chat"

    def render_request(self, typed: TypedRequest) -> tuple[dict[str, Any], Fidelity]:
        """Members for an upstream. Raises BadRequestError for what is no chat."""
        if not isinstance(typed, ChatRequest):
            raise BadRequestError("text is generated for chats only")
        notes = ForeignNotes(own=False, dialect=NAME)
        prompt = as_prompt(typed.messages, notes)
        text = prompt.text
        if prompt.system:
            notes.approximated("messages", "instructions are put in front of the prompt")
            text = f"{prompt.system}\n\n{text}"
        if prompt.images:
            notes.lost("messages", "a prompt holds text only")
        said = {name: value for field, name in PARAMETERS.items() if (value := getattr(typed, field)) is not None}
        if typed.stop:
            said["stop_words"] = list(typed.stop)
        parameters = {**ASKED, **said, **own_inputs(typed, notes)}
        note_text_only(typed, notes)
        for name in ("verbosity", "reasoning"):
            if getattr(typed, name) is not None:
                notes.hint({"reasoning": "reasoning_effort"}.get(name, name), "the model is not told")
        members = {"model": typed.model, "text_input": text, "parameters": parameters, "stream": typed.stream}
        return members, notes.fidelity()

    def check_reply(self, members: Members) -> None:
        """Raises BadGatewayError without a `text_output`, or with an `error`."""
        error = decoded(members.get("error"))
        if isinstance(error, str):
            raise BadGatewayError(f"the upstream answered 200 with an error: {redacted(error)}")
        if not isinstance(decoded(members.get("text_output")), str | list):
            raise BadGatewayError("the upstream's answer has no `text_output`")

    def parse_reply(self, members: Mapping[str, Any]) -> TypedReply:
        """A `ChatReply`."""
        self.check_reply(members)
        text = text_of(members)
        choice = Choice(0, Message("assistant", (Text(text),) if text else ()), finish_of(members) or "stop")
        return ChatReply(str(members.get("id") or ""), model_of(members), (choice,), self.usage_of(members))

    def usage_of(self, members: Members) -> Usage | None:
        """`num_input_tokens` and `num_output_tokens`, which only some models answer."""
        counts = [count_of(members, f"num_{side}_tokens") for side in ("input", "output")]
        return None if counts == [None, None] else Usage(input=counts[0] or 0, output=counts[1] or 0)

    def decoder(self) -> StreamDecoder:
        """A decoder for one stream of answers."""
        return Decoder()


TRITON_GENERATE: Final = TritonGenerate()
