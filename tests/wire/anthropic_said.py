"""Strategies for what the Messages API can say, in the form its parser gives it."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from nova_core.types.chat import (
    CacheBreakpoint,
    ChatReply,
    ChatRequest,
    Choice,
    Citation,
    File,
    HostedTool,
    Image,
    Message,
    Opaque,
    Reasoning,
    RedactedThinking,
    ResponseFormat,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from nova_core.types.usage import Usage

NAME = "anthropic_messages"

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda text: text.strip() != "")
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
caches = st.none() | st.builds(CacheBreakpoint, st.sampled_from([None, "5m", "1h"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(names, json_values, max_size=3)
texts = st.builds(Text, words, cache=caches)
images = st.builds(
    Image,
    st.builds(Source, data=st.just("iVBORw0KGgo="), media_type=st.just("image/png"))
    | st.builds(Source, url=st.just("https://example.org/a.png"))
    | st.builds(Source, file_id=names),
    cache=caches,
)
files = st.builds(
    File,
    st.builds(Source, data=st.just("JVBERi0="), media_type=st.just("application/pdf"))
    | st.builds(Source, text=words, media_type=st.just("text/plain"))
    | st.builds(Source, url=st.just("https://example.org/a.pdf"))
    | st.builds(Source, file_id=names),
    title=st.none() | words,
    context=st.none() | words,
    citations=st.none() | st.booleans(),
    cache=caches,
)
searches = st.builds(
    lambda text: Opaque(
        NAME,
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": text}]},
    ),
    words,
)
thoughts = st.builds(Thinking, words, names) | st.builds(RedactedThinking, names)
calls = st.builds(ToolCall, names, names, objects.map(lambda value: msgspec.json.encode(value).decode()), cache=caches)
results = st.builds(
    ToolResult,
    names,
    st.lists(texts | images | files | searches, max_size=2).map(tuple),
    is_error=st.none() | st.booleans(),
    cache=caches,
)
user_turns = st.tuples(
    st.lists(results, max_size=2).map(tuple), st.lists(texts | images | files | searches, max_size=3).map(tuple)
).filter(any)
assistant_turns = st.lists(thoughts | texts | calls, min_size=1, max_size=4).map(tuple)
tools = st.builds(
    Tool,
    names,
    description=st.none() | words,
    schema=objects.map(lambda value: {"type": "object", "properties": value}),
    strict=st.none() | st.booleans(),
    cache=caches,
)
hosted = st.just(HostedTool(NAME, {"type": "web_search_20250305", "name": "web_search"}))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    messages = []
    if draw(st.booleans()):
        messages.append(Message("system", tuple(draw(st.lists(texts, min_size=1, max_size=2)))))
    for _ in range(draw(st.integers(1, 3))):
        answered, said = draw(user_turns)
        messages += [Message("tool", answered)] if answered else []
        messages += [Message("user", said)] if said else []
        messages.append(Message("assistant", draw(assistant_turns)))
    return tuple(messages)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    declared = tuple(draw(st.lists(tools | hosted, max_size=2)))
    choice = st.sampled_from(["auto", "required", "none"]).map(ToolChoice) | names.map(
        lambda name: ToolChoice("named", name)
    )
    chosen = draw(st.none() | choice) if declared else None
    return ChatRequest(
        model=draw(names),
        messages=draw(conversations()),
        tools=declared,
        tool_choice=chosen,
        parallel_tool_calls=draw(st.none() | st.booleans()) if chosen and chosen.mode != "none" else None,
        max_tokens=draw(st.integers(1, 9000)),
        temperature=draw(st.none() | st.sampled_from([0, 0.5, 1.0])),
        top_p=draw(st.none() | st.just(0.9)),
        top_k=draw(st.none() | st.integers(0, 40)),
        stop=tuple(draw(st.lists(words, max_size=2))),
        response_format=draw(st.none() | st.builds(ResponseFormat, st.just("json_schema"), schema=objects)),
        reasoning=draw(
            st.sampled_from(
                [
                    None,
                    Reasoning(budget=2000, mode="enabled"),
                    Reasoning(mode="disabled"),
                    Reasoning(effort="high", mode="adaptive", summary="omitted"),
                    Reasoning(effort="low"),
                ]
            )
        ),
        user=draw(st.none() | names),
        metadata=draw(st.none() | st.just({"team": "a"})),
        service_tier=draw(st.sampled_from([None, "auto", "default"])),
        stream=draw(st.booleans()),
        cache=draw(caches),
        extra={NAME: draw(st.sampled_from([{}, {"speed": "fast"}, {"container": {"id": "c"}}]))},
    )


cited = st.builds(
    lambda text, quoted: Text(
        text,
        citations=(
            Citation(
                NAME,
                {
                    "type": "char_location",
                    "cited_text": quoted,
                    "document_index": 0,
                    "document_title": "d",
                    "start_char_index": 0,
                    "end_char_index": 3,
                },
                title="d",
                cited_text=quoted,
            ),
        ),
    ),
    words,
    words,
)
server_blocks = st.just(
    Opaque(NAME, {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}})
)
answers = st.lists(
    st.builds(Text, words)
    | cited
    | st.builds(Thinking, words, names)
    | st.builds(RedactedThinking, names)
    | st.builds(ToolCall, names, names, objects.map(lambda value: msgspec.json.encode(value).decode()))
    | server_blocks,
    max_size=4,
).map(tuple)
endings = st.sampled_from(
    [
        ("stop", None, None),
        ("stop", None, "END"),
        ("length", None, None),
        ("length", "model_context_window_exceeded", None),
        ("tool_calls", None, None),
        ("refusal", None, None),
        ("pause", None, None),
    ]
)
counts = st.integers(0, 1000)
usages = st.builds(
    Usage,
    input=counts,
    cache_read=counts,
    cache_write_5m=counts,
    cache_write_1h=counts,
    output=counts,
    reasoning=counts,
)


@st.composite
def replies(draw: st.DrawFn) -> ChatReply:
    finish, native, hit = draw(endings)
    tier = draw(st.sampled_from([None, "default", "priority"]))
    return ChatReply(
        id=draw(names),
        model=draw(names),
        choices=(Choice(0, Message("assistant", draw(answers)), finish, native, hit),),
        usage=draw(usages).served_in(tier),
        service_tier=tier,
        extra=draw(
            st.sampled_from(
                [{}, {NAME: {"usage": {"server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}}}}]
            )
        ),
    )
