"""What an operation beside chat can be asked is sent to each provider, refused by name, or named as dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from inspect import iscoroutinefunction
from typing import Any

import pytest

from nova_core.errors import NovaError, UnsupportedParamsError
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Operation, Request
from nova_core.types.upstream import Exchange
from nova_core.wire.drop_policy import top_level
from nova_core.wire.operation_samples import ASKED, PICTURE, TALK, samples_of
from nova_core.wire.samples import Sample
from tests.docs.matrix import served_operations

OF_THE_GATEWAY = {
    "rerank": {"top_n", "return_documents"},
    "image_generation": {"response_format", "stream", "partial_images"},
    "image_edit": {"response_format", "stream", "partial_images"},
    "image_variation": {"response_format"},
    "speech": {"stream_format"},
    "transcription": {"response_format", "stream"},
    "translation": {"response_format"},
    "moderation": set(),
}
"""What is seen to when the answer is there: the best are kept, images fetched, transcripts said as they are wanted."""
ASIDE = {"model", "extra", "single", "translation", "query", "documents", "input", "prompt", "images", "image", "file"}
"""Fields that every request has, or that say what kind it is."""
CALLED = {"compression": "output_compression", "events": "stream_format"}


IN_STEPS = {"soniox", "transcribe"}
"""The file goes first, and what is asked of it in the next request, which tests of their own look at."""
ANOTHER: Mapping[str, Mapping[str, Any]] = {
    "rerank": {"query": "Another?"},
    "moderation": {"input": "another"},
    "image_generation": {"prompt": "another"},
    "image_edit": {"prompt": "another"},
    "image_variation": {"image": TALK},
    "speech": {"input": "another"},
    "transcription": {"file": PICTURE},
    "translation": {"file": PICTURE},
}
"""What is asked otherwise."""


def sent(provider: Any, deployment: Deployment, request: Request, *, drop: bool = False) -> tuple[Any, set[str]]:
    """What would go upstream, and the members that are named with what becomes of them."""
    call = Call(request, options=CallOptions(drop_params=drop))
    exchange = provider.provider_call(call=call, request=request, deployment=deployment)
    assert isinstance(exchange, Exchange)
    upstream = exchange.request
    headers = {name.lower(): value for name, value in upstream.headers}
    boundary = headers.get("content-type", "").partition("boundary=")[2].encode()
    body = upstream.content or asyncio.run(whole(upstream.body))
    return (upstream.url, body.replace(boundary, b"") if boundary else body), {
        top_level(note.field) for note in exchange.fidelity.notes
    }


async def whole(body: Any) -> bytes:
    """All of a streamed body."""
    return b"" if body is None else b"".join([piece async for piece in body.chunks()])


def lost(provider: Any, deployment: Deployment, name: str, sample: Sample) -> bool:
    """Whether nobody says what becomes of a parameter."""
    model = deployment.model
    try:
        with_it, notes = sent(provider, deployment, sample.request(model))
    except UnsupportedParamsError as refused:
        _, notes = sent(provider, deployment, sample.request(model), drop=True)
        return top_level(refused.param or "") not in notes & {*sample.members, *sample.beside}
    except NovaError as error:
        return error.param != name
    return name not in notes and with_it == sent(provider, deployment, sample.request(model, without=True))[0]


def is_asked(provider: Any, deployment: Deployment, operation: Operation) -> bool:
    """Whether what is asked is sent at once: some models have one operation, some providers fetch a token first."""
    asked = ASKED[operation]
    try:
        usual, other = (
            sent(provider, deployment, asked.request(deployment.model, **members))[0]
            for members in ({}, ANOTHER[operation])
        )
    except NovaError:
        return False
    return usual != other


@cache
def asked() -> tuple[tuple[Any, Operation, Deployment], ...]:
    """The operations of providers that are asked here."""
    return tuple(
        (provider, operation, deployment)
        for provider, operation, deployment in served_operations()
        if not iscoroutinefunction(provider.provider_call)
        and deployment.provider not in IN_STEPS
        and is_asked(provider, deployment, operation)
    )


@pytest.mark.parametrize("operation", ASKED)
def test_every_parameter_of_the_typed_request_has_a_sample(operation: Operation) -> None:
    typed = {CALLED.get(field.name, field.name) for field in fields(ASKED[operation].request("m").typed)}
    if operation == "translation":
        typed -= {"language", "timestamp_granularities", "include", "stream"}
    assert typed - ASIDE == samples_of(operation).keys() - ASIDE


@pytest.mark.parametrize("operation", ASKED)
def test_nothing_that_a_caller_says_is_silently_lost(operation: Operation) -> None:
    wrong = [
        f"{deployment.provider}/{deployment.model} {name}"
        for provider, served, deployment in asked()
        for name, sample in (samples_of(operation) if served == operation else {}).items()
        if name not in OF_THE_GATEWAY[operation] and lost(provider, deployment, name, sample)
    ]
    assert wrong == []


def test_nearly_every_operation_of_every_provider_is_asked() -> None:
    assert len(asked()) > 120
