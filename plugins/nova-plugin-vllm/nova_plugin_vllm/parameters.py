"""The members of requests that vLLM reads; it takes any others as well, and forgets them."""

# https://docs.vllm.ai/en/stable/serving/openai_compatible_server/ (fields of each request; "extra parameters").
# Left out are those with which one deployment of vLLM hands its work to another, and names of requests.

from __future__ import annotations

from collections.abc import Mapping

from nova_core.wire.jina_rerank import JINA_RERANK
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.openai_embeddings import OPENAI_EMBEDDINGS

GENERATING = frozenset(
    {
        "add_special_tokens", "allowed_token_ids", "bad_words", "cache_salt", "echo", "frequency_penalty", "ignore_eos",
        "include_stop_str_in_output", "length_penalty", "logit_bias", "logprob_token_ids", "logprobs", "max_tokens",
        "min_p", "min_tokens", "model", "n", "presence_penalty", "priority", "prompt_logprobs", "repetition_detection",
        "repetition_penalty", "response_format", "return_token_ids", "return_tokens_as_token_ids", "seed",
        "skip_special_tokens", "spaces_between_special_tokens", "stop", "stop_token_ids", "stream", "stream_options",
        "structured_outputs", "temperature", "thinking_token_budget", "top_k", "top_p", "truncate_prompt_tokens",
        "truncation_side", "use_beam_search", "vllm_xargs",
    }
)  # fmt: skip
CHATTING = GENERATING | {
    "add_generation_prompt", "chat_template", "chat_template_kwargs", "continue_final_message", "documents",
    "include_reasoning", "max_completion_tokens", "media_io_kwargs", "messages", "mm_processor_kwargs",
    "parallel_tool_calls", "reasoning_effort", "tool_choice", "tools", "top_logprobs",
}  # fmt: skip
POOLING = frozenset(
    {"cache_salt", "mm_processor_kwargs", "model", "priority", "truncate_prompt_tokens", "truncation_side",
     "use_activation"}
)  # fmt: skip
MEMBERS: Mapping[str, frozenset[str]] = {
    OPENAI_CHAT.name: CHATTING,
    OPENAI_COMPLETIONS.name: GENERATING | {"prompt", "prompt_embeds"},
    OPENAI_EMBEDDINGS.name: POOLING | {"add_special_tokens", "dimensions", "embed_dtype", "encoding_format",
                                       "endianness", "input"},
    JINA_RERANK.name: POOLING | {"documents", "instruction", "max_tokens_per_doc", "query", "top_n"},
}  # fmt: skip
"""By the name of the dialect."""
