"""Functions beside `responses` without a configuration file: counting what it would be asked, and compacting it."""

from __future__ import annotations

from typing import Any

from nova_core.gateway.calling import compaction_call, input_tokens_call
from nova_core.gateway.library import shared_library
from nova_core.gateway.objects import Answer


def count_input_tokens(model: str, input: Any = None, **given: Any) -> Answer:
    """How many tokens `responses` would be asked with: `input_tokens`.

    The provider counts where it can, else the gateway's own tokenizer, near that. See `responses` for `given`. Raises
    NovaError.
    """
    library = shared_library()
    answer: Answer = library.thread.run(library.converse(input_tokens_call, model, {"input": input, **given}))
    return answer


async def acount_input_tokens(model: str, input: Any = None, **given: Any) -> Answer:
    """`count_input_tokens` for async code. Raises NovaError."""
    library = shared_library()
    work = library.converse(input_tokens_call, model, {"input": input, **given})
    answer: Answer = await library.thread.bridge(work)
    return answer


def compact_responses(model: str, input: Any = None, **given: Any) -> Answer:
    """A conversation made shorter by its provider: its `output` stands for it in a later `input`.

    Raises BadRequestError where the provider does not compact conversations, and other NovaErrors.
    """
    library = shared_library()
    answer: Answer = library.thread.run(library.converse(compaction_call, model, {"input": input, **given}))
    return answer


async def acompact_responses(model: str, input: Any = None, **given: Any) -> Answer:
    """`compact_responses` for async code. Raises NovaError."""
    library = shared_library()
    answer: Answer = await library.thread.bridge(library.converse(compaction_call, model, {"input": input, **given}))
    return answer
