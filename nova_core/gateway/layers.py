"""The onion around a call: `pre_call` inward, `post_call` and `post_call_stream` outward in reverse."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from nova_core.gateway.relay import as_reply, as_stream, chunks_of
from nova_core.plugins.compiler import Layer, Pipeline
from nova_core.types.call import Call
from nova_core.types.message import Reply, Request, Stream

logger = logging.getLogger("nova.gateway")

Entered = list[tuple[Layer, Request]]
Inward = tuple[Entered, Request, Reply | Stream | None]
"""How a call has come inward: who let it in, as what, and the answer of who did not."""
Inner = Callable[[Request], Awaitable[Reply | Stream]]


def wait_for_nothing(pipeline: Pipeline) -> bool:
    """Whether no plugin around a whole reply has to be waited for."""
    steps = [step for layer in pipeline.layers for step in (layer.pre, layer.post) if step is not None]
    return not any(step.is_async for step in steps)


def inward_at_once(pipeline: Pipeline, call: Call) -> Inward:
    """Take a call inward through layers that `wait_for_nothing`. Raises what they raise."""
    entered: Entered = []
    request = call.original
    for layer in pipeline.layers:
        said = None if layer.pre is None else layer.pre.call(call, request)
        if said is not None:
            if isinstance(said, Reply | Stream):
                return entered, request, _answered(call, layer, said)
            request = _changed(layer, said)
        entered.append((layer, request))
    return entered, request, None


async def through_layers(pipeline: Pipeline, call: Call, inner: Inner, inward: Inward | None = None) -> Reply | Stream:
    """Take a call inward, run `inner`, and bring the answer outward through the plugins that let it in.

    `inward`: it has come inward already.
    """
    entered: Entered = []
    request = call.original
    answer: Reply | Stream | None = None
    if inward is not None:
        entered, request, answer = inward
    for layer in pipeline.layers if inward is None else ():
        pre = layer.pre
        said = None if pre is None else pre.call(call, request)
        if said is not None and pre is not None:
            if pre.is_async:
                said = await said
            if isinstance(said, Reply | Stream):
                answer = _answered(call, layer, said)
                break
            if said is not None:
                request = _changed(layer, said)
        entered.append((layer, request))
    if answer is None:
        answer = await inner(request)
    if call.streaming is isinstance(answer, Reply):
        answer = await as_asked(call, answer)
    if isinstance(answer, Reply):
        return await _outward(call, entered, answer)
    try:
        return _wrapped(call, entered, answer)
    except BaseException:
        await answer.aclose()
        raise


def _answered(call: Call, layer: Layer, said: Reply | Stream) -> Reply | Stream:
    call.note("pre_call", f"{layer.name} answered")
    return said


def _changed(layer: Layer, said: object) -> Request:
    if isinstance(said, Request):
        return said
    raise TypeError(f"plugin '{layer.name}': pre_call answered {type(said).__name__}, not a Request or Reply")


async def as_asked(call: Call, answer: Reply | Stream) -> Reply | Stream:
    """A stream for a caller who asked for one, a reply for any other."""
    if isinstance(answer, Reply):
        return as_stream(answer, call.original.dialect) if call.streaming else answer
    return answer if call.streaming else await as_reply(answer, call)


async def _outward(call: Call, entered: Entered, reply: Reply) -> Reply:
    for layer, request in reversed(entered):
        if layer.post is None:
            continue
        said = layer.post.call(call, request, reply)
        if layer.post.is_async:
            said = await said
        if said is not None:
            reply = _replaced(layer, said)
    return reply


def outward_at_once(call: Call, entered: Entered, reply: Reply) -> Reply:
    """Bring a reply outward through layers that `wait_for_nothing`. Raises what they raise."""
    for layer, request in reversed(entered):
        if layer.post is not None and (said := layer.post.call(call, request, reply)) is not None:
            reply = _replaced(layer, said)
    return reply


def _replaced(layer: Layer, said: object) -> Reply:
    if isinstance(said, Reply):
        return said
    raise TypeError(f"plugin '{layer.name}': post_call answered {type(said).__name__}, not a Reply")


def _wrapped(call: Call, entered: Entered, stream: Stream) -> Stream:
    """The stream inside every plugin's wrapper; closing it closes each wrapper, outermost first."""
    wrappers = [(layer, request) for layer, request in reversed(entered) if layer.stream is not None]
    if not wrappers:
        return stream
    source = stream
    closers = [source.aclose]
    chunks = chunks_of(source)
    for layer, request in wrappers:
        assert layer.stream is not None
        said = layer.stream.call(call, request, chunks)
        if said is None:
            continue
        closers.insert(0, chunks.aclose)
        chunks = said
    kind = source.content_type
    return Stream(source.dialect, chunks=chunks, headers=source.headers, closers=closers, content_type=kind)
