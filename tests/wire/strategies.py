"""Hypothesis strategies for typed requests and replies, in the order in which OpenAI's format keeps parts."""

from __future__ import annotations

from hypothesis import strategies as st

from nova_core.types.chat import (
    Audio,
    CacheBreakpoint,
    ChatReply,
    ChatRequest,
    Choice,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    RedactedThinking,
    Refusal,
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

NAME = "openai_chat"

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,12}", fullmatch=True)
base64 = st.from_regex(r"[A-Za-z0-9+/]{4,12}", fullmatch=True)
counts = st.integers(0, 5000)
caches = st.none() | st.builds(CacheBreakpoint, st.sampled_from([None, "5m", "1h"]))
objects = st.dictionaries(names, words | st.integers(-9, 9) | st.booleans(), max_size=3)
some_extra = st.just({}) | st.builds(lambda value: {NAME: {"vendor_field": value}}, words)

texts = st.builds(Text, words, cache=caches, extra=some_extra)
plain_texts = st.builds(Text, words)
sources = st.builds(lambda data, kind: Source(data=data, media_type=kind), base64, st.sampled_from(["image/png"]))
images = st.builds(
    Image,
    sources | st.just(Source(url="https://example.org/a.png")),
    st.sampled_from([None, "low"]),
    caches,
    some_extra,
)
audios = st.builds(Audio, st.builds(lambda data: Source(data=data), base64), st.sampled_from(["wav", "mp3"]))
pdfs = st.builds(lambda data: Source(data=data, media_type="application/pdf"), base64)
files = st.builds(File, pdfs | st.builds(lambda name: Source(file_id=name), names), st.none() | words, cache=caches)
unknown = st.builds(lambda url: Opaque(NAME, {"type": "video_url", "video_url": {"url": url}}), words)
tool_calls = st.builds(ToolCall, names, names, words, custom=st.booleans(), cache=caches, extra=some_extra)
signed_thinking = st.builds(Thinking, words, words) | st.builds(RedactedThinking, words)
thoughts = st.lists(signed_thinking, max_size=2) | st.builds(lambda text: [Thinking(text)], words)


def _parts(*lists: list[object]) -> tuple[object, ...]:
    return tuple(part for parts in lists for part in parts)


contents = st.lists(texts | images | audios | files | unknown, min_size=1, max_size=3).map(tuple)
answers = st.builds(
    _parts, thoughts, st.lists(plain_texts, min_size=1, max_size=2), st.lists(tool_calls, max_size=2)
) | st.builds(lambda text: (Refusal(text),), words)
results = st.builds(
    ToolResult,
    names,
    st.lists(texts | images, max_size=2).map(tuple),
    st.none() | st.booleans(),
    st.none() | names,
    caches,
)
messages = st.one_of(
    st.builds(Message, st.sampled_from(["system", "developer"]), st.builds(lambda text: (text,), texts), cache=caches),
    st.builds(Message, st.just("user"), contents, st.none() | names, caches, some_extra),
    st.builds(Message, st.just("assistant"), answers, st.none() | names, caches, some_extra),
    st.builds(lambda result: Message("tool", (result,)), results),
)
tools = st.builds(Tool, names, st.none() | words, st.none() | objects, st.none() | st.booleans(), caches, some_extra)
choices_of_tools = st.sampled_from([ToolChoice("auto"), ToolChoice("none"), ToolChoice("required")]) | st.builds(
    lambda name: ToolChoice("named", name), names
)
formats = st.sampled_from([ResponseFormat("text"), ResponseFormat("json_object")]) | st.builds(
    ResponseFormat, st.just("json_schema"), names, objects, st.none() | st.booleans(), st.none() | words
)
reasonings = st.builds(Reasoning, effort=st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"])) | (
    st.builds(Reasoning, budget=st.integers(1024, 9000), mode=st.just("enabled"))
)
fractions = st.floats(0, 2, allow_nan=False)

requests = st.builds(
    ChatRequest,
    model=names,
    messages=st.lists(messages, min_size=1, max_size=4).map(tuple),
    tools=st.lists(tools, max_size=2).map(tuple),
    tool_choice=st.none() | choices_of_tools,
    parallel_tool_calls=st.none() | st.booleans(),
    max_tokens=st.none() | counts,
    temperature=st.none() | fractions,
    top_p=st.none() | fractions,
    top_k=st.none() | counts,
    stop=st.lists(words, max_size=3).map(tuple),
    seed=st.none() | counts,
    logit_bias=st.none() | st.dictionaries(names, fractions, max_size=2),
    response_format=st.none() | formats,
    reasoning=st.none() | reasonings,
    modalities=st.sampled_from([(), ("text", "audio")]),
    user=st.none() | words,
    metadata=st.none() | objects,
    stream=st.booleans(),
    include_usage=st.none() | st.booleans(),
    cache=caches,
    extra=st.builds(lambda extra: {NAME: extra}, st.dictionaries(st.just("vendor_field"), words, max_size=1)),
)

usages = st.builds(
    Usage,
    input=counts,
    cache_read=counts,
    cache_write_5m=counts,
    cache_write_1h=counts,
    input_audio=counts,
    output=st.integers(1, 5000),
    reasoning=counts,
    output_audio=counts,
    accepted_prediction=counts,
    rejected_prediction=counts,
)
annotations = st.builds(
    lambda url, title: {
        "type": "url_citation",
        "url_citation": {"start_index": 0, "end_index": 1, "title": title, "url": url},
    },
    words,
    words,
)
cited = annotations.map(
    lambda raw: Citation(NAME, raw, url=raw["url_citation"]["url"], title=raw["url_citation"]["title"], start=0, end=1)
)
answer_texts = st.builds(Text, words, citations=st.lists(cited, max_size=2).map(tuple))
answer_audio = st.builds(
    Audio, st.builds(lambda data: Source(data=data), base64), id=names, transcript=words, expires_at=counts
)
answer_calls = st.builds(ToolCall, names, names, words, custom=st.booleans(), extra=some_extra)
answer_parts = st.builds(
    _parts,
    thoughts,
    st.lists(answer_texts, max_size=1),
    st.lists(st.builds(Refusal, words), max_size=1),
    st.lists(answer_audio, max_size=1),
    st.lists(answer_calls, max_size=2, unique_by=lambda call: call.id),
)
logprobs = st.builds(
    lambda token: {"content": [{"token": token, "logprob": -0.5, "top_logprobs": []}], "refusal": None}, words
)


def _choice(index: int, parts: tuple[object, ...], finish: str, logprobs: object, extra: object) -> Choice:
    called = any(isinstance(part, ToolCall) for part in parts)
    # With tool calls a `stop` means `tool_calls`: vendors mix them up.
    return Choice(
        index,
        Message("assistant", parts),  # type: ignore[arg-type]
        "tool_calls" if called and finish in ("stop", "pause") else finish,  # type: ignore[arg-type]
        logprobs=logprobs,  # type: ignore[arg-type]
        extra=extra,  # type: ignore[arg-type]
    )


finishes = st.sampled_from(["stop", "length", "content_filter", "refusal", "pause"])
choice_extra = some_extra | st.just({NAME: {"message": {"images": [{"index": 0}]}}})
replies = st.builds(
    ChatReply,
    id=names,
    model=names,
    choices=st.integers(1, 3).flatmap(
        lambda n: st.tuples(
            *(
                st.builds(_choice, st.just(index), answer_parts, finishes, st.none() | logprobs, choice_extra)
                for index in range(n)
            )
        )
    ),
    usage=st.none() | usages,
    created=st.integers(1, 2**31),
    service_tier=st.none() | st.just("default"),
    fingerprint=st.none() | names,
    extra=some_extra,
)
