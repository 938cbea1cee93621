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
Inner = Callable[[Request], Awaitable[Reply | Stream]]


async def through_layers(pipeline: Pipeline, call: Call, inner: Inner) -> Reply | Stream:
    """Take a call inward, run `inner`, and bring the answer outward through the plugins that let it in."""
    entered: Entered = []
    request = call.original
    answer: Reply | Stream | None = None
    for layer in pipeline.layers:
        pre = layer.pre
        said = None if pre is None else pre.call(call, request)
        if said is not None:
            if pre is not None and pre.is_async:
                said = await said
            if isinstance(said, Reply | Stream):
                call.note("pre_call", f"{layer.name} answered")
                answer = said
                break
            if isinstance(said, Request):
                request = said
            elif said is not None:
                kind = type(said).__name__
                raise TypeError(f"plugin '{layer.name}': pre_call answered {kind}, not a Request or Reply")
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
        if isinstance(said, Reply):
            reply = said
        elif said is not None:
            raise TypeError(f"plugin '{layer.name}': post_call answered {type(said).__name__}, not a Reply")
    return reply


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
