"""What embeddings and text completions can be asked is sent to each provider, refused by name, or named as dropped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import iscoroutinefunction
from typing import Any

import pytest

from nova_core.errors import NovaError
from nova_core.testing.conformance_accounts import OF_EMBEDDINGS, TO_EMBED
from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation
from nova_core.wire.openai_completions import OPENAI_COMPLETIONS
from nova_core.wire.samples import Asked, Sample
from tests.docs.matrix import text_deployments
from tests.matrix.test_operation_parameters import lost, sent

TO_CONTINUE = Asked("completion", OPENAI_COMPLETIONS, {"prompt": "a text", "max_tokens": 9})
ASKED: Mapping[Operation, Asked] = {"embedding": TO_EMBED, "completion": TO_CONTINUE}
ANOTHER: Mapping[Operation, Mapping[str, Any]] = {
    "embedding": {"input": ["another text"]},
    "completion": {"prompt": "another text"},
}
OF_COMPLETIONS: Mapping[str, Any] = {
    "max_tokens": 1234,
    "temperature": 0.3,
    "top_p": 0.7,
    "stop": ["THE END"],
    "n": 2,
    "best_of": 3,
    "seed": 4711,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logit_bias": {"50256": -100},
    "logprobs": 3,
    "echo": True,
    "suffix": "the end",
    "user": "user-4711",
    "made_up": "4711",
}
SAMPLES: Mapping[Operation, Mapping[str, Sample]] = {
    "embedding": OF_EMBEDDINGS,
    "completion": {name: Sample(name, {name: value}, {}, TO_CONTINUE) for name, value in OF_COMPLETIONS.items()},
}


@cache
def asked() -> tuple[tuple[Any, Operation, Deployment], ...]:
    """The operations of providers that say at once what they send."""
    return tuple(
        (provider, operation, deployment)
        for operation in ASKED
        for provider, deployment in text_deployments(operation)
        if not iscoroutinefunction(provider.provider_call) and is_asked(provider, deployment, operation)
    )


def is_asked(provider: Any, deployment: Deployment, operation: Operation) -> bool:
    """Whether what is asked is sent at once: some fetch a token first, or answer themselves."""
    requests = (ASKED[operation].request(deployment.model, **more) for more in ({}, ANOTHER[operation]))
    try:
        usual, other = (sent(provider, deployment, request)[0] for request in requests)
    except (NovaError, AssertionError):
        return False
    return bool(usual != other)


@pytest.mark.parametrize("operation", ASKED)
def test_nothing_that_a_caller_says_is_silently_lost(operation: Operation) -> None:
    wrong = [
        f"{deployment.provider}/{deployment.model} {name}"
        for provider, served, deployment in asked()
        for name, sample in (SAMPLES[operation] if served == operation else {}).items()
        if lost(provider, deployment, name, sample)
    ]
    assert wrong == []


def test_nearly_every_provider_is_asked() -> None:
    counts = {operation: sum(served == operation for _, served, _ in asked()) for operation in ASKED}
    assert counts["embedding"] > 60
    assert counts["completion"] > 130
