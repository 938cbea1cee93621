"""The Gemini API with the official clients: its own against every kind of upstream, the others against its upstream."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from google.genai import errors, types

from tests.e2e.conftest import KEY, UPSTREAM_KEY, Cell
from tests.e2e.dialects import Json, anthropic_answer, gemini_answer, openai_answer
from tests.e2e.test_dialect_matrix import (
    CALLS,
    SIGNED,
    TEXT,
    anthropic_calls,
    anthropic_streamed,
    anthropic_whole,
    openai_calls,
    openai_streamed,
    openai_whole,
    plain,
)
from tests.wire.gemini_said import valid_request

pytestmark = pytest.mark.slow

PNG = "iVBORw0KGgo+/+8/AAAA"
SIGNATURE = "c2lnbmVkQnlHZW1pbmk="
INPUTS: list[Json] = [{"city": "Oslo"}, {"city": 'Rome, "IT"'}]


def gemini_calls() -> list[Json]:
    calls: list[Json] = [
        {"functionCall": {"id": i, "name": n, "args": given}} for (i, n, _), given in zip(CALLS, INPUTS, strict=True)
    ]
    calls[0]["thoughtSignature"] = SIGNATURE
    return calls


GEMINI: dict[str, Json] = {
    "text": gemini_answer({"text": TEXT["text"]}),
    "empty": gemini_answer(),
    "parallel tool calls": gemini_answer({"text": "Looking."}, *gemini_calls()),
    "tool call without arguments": gemini_answer({"functionCall": {"id": "c", "name": "now", "args": {}}}),
    "thinking": gemini_answer({"text": "Let me think.", "thought": True}, {"text": TEXT["text"]}),
    "cut": gemini_answer({"text": "Once upon"}, finish="MAX_TOKENS"),
    "refusal": gemini_answer({"text": "I"}, finish="PROHIBITED_CONTENT"),
    "usage": gemini_answer(
        {"text": "x"},
        usage={
            "promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 18,
            "thoughtsTokenCount": 12, "totalTokenCount": 130,
        },
    ),
    "grounding": gemini_answer(
        {"text": "x"}, groundingMetadata={"groundingChunks": [{"web": {"uri": "http://a", "title": "A"}}]}
    ),
    "code": gemini_answer({"executableCode": {"language": "PYTHON", "code": "1+1"}}, {"text": "2"}),
}  # fmt: skip
OTHERS: dict[str, dict[str, Json]] = {
    "text": {"gpt": openai_answer({"content": TEXT["text"]}), "claude": anthropic_answer(TEXT)},
    "parallel tool calls": {
        "gpt": openai_answer({"content": "Looking.", "tool_calls": openai_calls()}, finish="tool_calls"),
        "claude": anthropic_answer({"type": "text", "text": "Looking."}, *anthropic_calls(), stop_reason="tool_use"),
    },
    "thinking": {
        "gpt": openai_answer({"reasoning_content": "Let me think.", "content": TEXT["text"]}),
        "claude": anthropic_answer(SIGNED, TEXT),
    },
    "cut": {
        "gpt": openai_answer({"content": "Once upon"}, finish="length"),
        "claude": anthropic_answer({"type": "text", "text": "Once upon"}, stop_reason="max_tokens"),
    },
    "refusal": {
        "gpt": openai_answer({"refusal": "I cannot help with that."}),
        "claude": anthropic_answer({"type": "text", "text": "I cannot"}, stop_reason="refusal"),
    },
}


def google_whole(cell: Cell, model: str, contents: Any = "Hi", **config: Any) -> types.GenerateContentResponse:
    options = types.GenerateContentConfig(**config)
    return cell.google.models.generate_content(model=model, contents=contents, config=options)


def google_pieces(cell: Cell, model: str, contents: Any = "Hi", **config: Any) -> list[types.GenerateContentResponse]:
    options = types.GenerateContentConfig(**config)
    return list(cell.google.models.generate_content_stream(model=model, contents=contents, config=options))


def essence(*pieces: types.GenerateContentResponse) -> Json:
    """What must not depend on streaming."""
    parts = [part for piece in pieces for c in piece.candidates or () for part in (c.content and c.content.parts) or ()]
    last = pieces[-1]
    assert last.candidates
    assert last.usage_metadata
    return {
        "text": "".join(part.text or "" for part in parts if not part.thought),
        "thought": "".join(part.text or "" for part in parts if part.thought),
        "calls": [plain(part.function_call) for part in parts if part.function_call],
        "code": [plain(part.executable_code) for part in parts if part.executable_code],
        "signatures": [part.thought_signature for part in parts if part.thought_signature],
        "finish": last.candidates[0].finish_reason,
        "usage": plain(last.usage_metadata),
        "model": {piece.model_version for piece in pieces},
    }


@pytest.mark.parametrize("upstream", ["gem", "gpt", "claude"])
@pytest.mark.parametrize("answer", GEMINI)
def test_googles_client_is_streamed_what_it_gets_whole(cell: Cell, answer: str, upstream: str) -> None:
    script = GEMINI[answer] if upstream == "gem" else OTHERS.get(answer, {}).get(upstream)
    if script is None:
        pytest.skip("only this API says it")
    cell.says(**script)
    whole, streamed = essence(google_whole(cell, upstream)), essence(*google_pieces(cell, upstream))
    assert streamed == whole
    assert whole["model"] == {upstream}
    if answer == "parallel tool calls":
        assert whole["calls"] == [{"id": i, "name": n, "args": a} for (i, n, _), a in zip(CALLS, INPUTS, strict=True)]
    if answer == "thinking":
        assert (whole["thought"], whole["text"]) == ("Let me think.", TEXT["text"])
    expected = {"cut": "MAX_TOKENS", "refusal": "PROHIBITED_CONTENT" if upstream == "gem" else "SAFETY"}
    assert whole["finish"] == expected.get(answer, "STOP")
    if answer != "usage":
        assert whole["usage"]["total_token_count"] == 18


@pytest.mark.parametrize("answer", GEMINI)
def test_openais_client_is_streamed_what_it_gets_whole_from_gemini(cell: Cell, answer: str) -> None:
    cell.says(**GEMINI[answer])
    whole, streamed = openai_whole(cell, "gem"), openai_streamed(cell, "gem")
    assert {**streamed, "created": 0} == {**whole, "created": 0}
    message, finish = whole["choices"][0]["message"], whole["choices"][0]["finish_reason"]
    match answer:
        case "parallel tool calls":
            assert (message["tool_calls"], finish) == (openai_calls(), "tool_calls")
            signed = {"type": "thinking", "thinking": "", "signature": f"gemini_generate:{SIGNATURE}"}
            assert message["thinking_blocks"] == [signed]
        case "thinking":
            assert (message["reasoning_content"], message["content"]) == ("Let me think.", TEXT["text"])
        case "refusal":
            assert finish == "content_filter"
        case "grounding":
            assert message["annotations"][0]["url_citation"]["url"] == "http://a"
        case "usage":
            assert whole["usage"]["prompt_tokens_details"]["cached_tokens"] == 40
            assert whole["usage"]["completion_tokens_details"]["reasoning_tokens"] == 12
            assert (whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"]) == (100, 30)


@pytest.mark.parametrize("answer", [name for name in GEMINI if name != "code"])
def test_anthropics_client_is_streamed_what_it_gets_whole_from_gemini(cell: Cell, answer: str) -> None:
    cell.says(**GEMINI[answer])
    whole, streamed = anthropic_whole(cell, "gem"), anthropic_streamed(cell, "gem")
    assert streamed == whole
    if answer == "parallel tool calls":
        signed = {"type": "thinking", "thinking": "", "signature": f"gemini_generate:{SIGNATURE}"}
        assert whole["content"] == [{"type": "text", "text": "Looking."}, signed, *anthropic_calls()]
        assert whole["stop_reason"] == "tool_use"


def test_a_conversation_with_tools_is_replayed_to_gemini_with_its_signature(cell: Cell) -> None:
    cell.says(**GEMINI["parallel tool calls"])
    tool: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    first = cell.anthropic.messages.create(
        model="gem", max_tokens=99, messages=[{"role": "user", "content": "Hi"}], tools=[tool]
    )
    results: Any = [{"type": "tool_result", "tool_use_id": i, "content": "sunny"} for i, _, _ in CALLS]
    history: Any = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    cell.anthropic.messages.create(model="gem", max_tokens=99, messages=history, tools=[tool])
    called, answered = cell.sent["contents"][1:]
    assert called == {"role": "model", "parts": [{"text": "Looking."}, *gemini_calls()]}
    responses = [part["functionResponse"] for part in answered["parts"]]
    assert responses == [{"id": i, "name": "weather", "response": {"output": "sunny"}} for i, _, _ in CALLS]


def test_googles_client_calls_tools_of_every_upstream_and_answers_them(cell: Cell) -> None:
    for upstream in ("gem", "gpt", "claude"):
        cell.upstream.forget()
        script = GEMINI["parallel tool calls"] if upstream == "gem" else OTHERS["parallel tool calls"][upstream]
        cell.says(**script)
        declared = types.FunctionDeclaration(
            name="weather",
            description="The weather.",
            parameters=types.Schema(type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}),
        )
        config: Json = {"tools": [types.Tool(function_declarations=[declared])], "automatic_function_calling": None}
        first = google_whole(cell, upstream, **config)
        assert first.candidates
        assert first.function_calls
        answers = [
            types.Part(function_response=types.FunctionResponse(id=c.id, name=c.name, response={"output": "sunny"}))
            for c in first.function_calls
        ]
        asked = types.Content(role="user", parts=[types.Part(text="Hi")])
        history = [asked, first.candidates[0].content, types.Content(role="user", parts=answers)]
        google_whole(cell, upstream, history, **config)
        match upstream:
            case "gem":
                assert cell.sent["contents"][1]["parts"][1:] == gemini_calls()
            case "gpt":
                assert cell.sent["messages"][1]["tool_calls"] == openai_calls()
                assert [m["content"] for m in cell.sent["messages"][2:]] == ["sunny", "sunny"]
                schema = {"type": "object", "properties": {"city": {"type": "string"}}}
                assert cell.sent["tools"][0]["function"]["parameters"] == schema
            case "claude":
                assert cell.sent["messages"][1]["content"][1:] == anthropic_calls()
                assert [b["tool_use_id"] for b in cell.sent["messages"][2]["content"]] == [i for i, _, _ in CALLS]


def test_images_and_structured_output_and_thinking_reach_every_upstream(cell: Cell) -> None:
    image = types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    config: Json = {
        "response_mime_type": "application/json",
        "response_json_schema": schema,
        "thinking_config": types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW, include_thoughts=True),
        "system_instruction": "Be brief.",
        "max_output_tokens": 5000,
    }
    cell.says(**OTHERS["text"]["gpt"])
    google_whole(cell, "gpt", ["What is it?", image], **config)
    sent = cell.sent
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent["messages"][1]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    assert sent["response_format"]["json_schema"]["schema"] == schema
    assert "reasoning_effort" not in sent, "it does not reason"
    assert sent["max_tokens"] == 5000
    cell.upstream.forget()
    cell.says(**OTHERS["text"]["claude"])
    google_whole(cell, "claude", ["What is it?", image], **config)
    sent = cell.sent
    assert sent["messages"][0]["content"][1]["source"] == {"type": "base64", "media_type": "image/png", "data": PNG}
    assert sent["output_config"]["format"]["schema"]["properties"] == schema["properties"]
    assert sent["thinking"]["type"] == "enabled"
    cell.upstream.forget()
    cell.says(**GEMINI["text"])
    google_whole(cell, "gem", ["What is it?", image], **config)
    assert cell.sent["generationConfig"]["responseJsonSchema"] == schema
    data = cell.sent["contents"][0]["parts"][1]["inlineData"]["data"]
    assert base64.urlsafe_b64decode(data) == base64.b64decode(PNG)


@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_googles_to_its_client(cell: Cell, stream: bool) -> None:
    ask = google_pieces if stream else google_whole
    for upstream in ("gem", "gpt", "claude"):
        cell.upstream.forget()
        cell.says(status=429, message="slow down")
        with pytest.raises(errors.ClientError) as caught:
            ask(cell, upstream)
        assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
        assert "slow down" in str(caught.value.message)
    with pytest.raises(errors.ClientError) as caught:
        ask(cell, "nobody")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    with pytest.raises(errors.ClientError) as caught:
        ask(cell, "gpt", top_k=3)
    assert "generationConfig.topK" in str(caught.value.message)


def test_a_broken_stream_ends_with_an_error_in_events_and_in_arrays(cell: Cell) -> None:
    for upstream in ("gem", "gpt", "claude"):
        cell.upstream.forget()
        cell.says(text="quite a few words", half_stream=True)
        with pytest.raises(errors.APIError):
            google_pieces(cell, upstream)
        whole = cell.post(f"/v1beta/models/{upstream}:streamGenerateContent", ASK).json()
        assert whole[-1]["error"]["status"] == "INTERNAL"


ASK: Json = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


@pytest.mark.parametrize("prefix", ["/v1beta", "/v1", ""])
def test_without_alt_a_stream_is_one_array(cell: Cell, prefix: str) -> None:
    for upstream, script in (("gem", GEMINI["thinking"]), ("gpt", OTHERS["thinking"]["gpt"])):
        cell.upstream.forget()
        cell.says(**script)
        answer = cell.post(f"{prefix}/models/{upstream}:streamGenerateContent", ASK)
        assert answer.headers["content-type"].startswith("application/json")
        pieces = [types.GenerateContentResponse.model_validate(piece) for piece in answer.json()]
        assert essence(*pieces)["text"] == TEXT["text"]


def test_the_key_may_stand_in_the_query_and_goes_no_further(cell: Cell) -> None:
    cell.says(**GEMINI["text"])
    headers = {"authorization": ""}
    path = "/v1beta/models/gem:generateContent"
    assert cell.http.post(f"{path}?key={KEY}", json=ASK, headers=headers).status_code == 200
    received = cell.upstream.last
    assert KEY not in received.path
    assert received.header("x-goog-api-key") == UPSTREAM_KEY
    assert all(KEY not in value for _, value in received.headers)
    assert cell.http.post(f"{path}?key=wrong", json=ASK, headers=headers).status_code == 401
    assert cell.http.post(path, json=ASK, headers={**headers, "x-goog-api-key": KEY}).status_code == 200
    assert KEY not in cell.server.logs


def test_tokens_are_counted_and_texts_embedded(cell: Cell) -> None:
    counted = cell.google.models.count_tokens(model="gem", contents="How many?")
    assert counted.total_tokens
    assert cell.google.models.count_tokens(model="gpt", contents="How many?").total_tokens
    found = cell.google.models.embed_content(
        model="vectors", contents=["one", "two"], config={"output_dimensionality": 4, "task_type": "RETRIEVAL_QUERY"}
    )
    assert found.embeddings
    assert [len(one.values or ()) for one in found.embeddings] == [4, 4]
    assert cell.sent["requests"][0]["taskType"] == "RETRIEVAL_QUERY"
    one = cell.post("/v1beta/models/vectors:embedContent", {"content": {"parts": [{"text": "one"}]}}).json()
    assert len(one["embedding"]["values"]) == 8
    data = cell.openai.embeddings.create(model="vectors", input=["one"], dimensions=4).data
    assert len(data[0].embedding) == 4


def test_googles_client_is_told_the_sources_that_another_vendor_cites(cell: Cell) -> None:
    cited = {"type": "web_search_result_location", "url": "https://x", "title": "X", "cited_text": "c"}
    cell.says(**anthropic_answer({"type": "text", "text": "It is.", "citations": [{**cited, "encrypted_index": "i"}]}))
    for reply in (google_whole(cell, "claude"), google_pieces(cell, "claude")[-1]):
        assert reply.candidates
        assert reply.candidates[0].citation_metadata
        (source,) = reply.candidates[0].citation_metadata.citations or ()
        assert (source.uri, source.title) == ("https://x", "X")


def test_googles_client_lists_the_models(cell: Cell) -> None:
    assert {"models/gem", "models/gpt"} <= {model.name for model in cell.google.models.list()}
    one = cell.google.models.get(model="gem")
    assert (one.name, one.supported_actions) == ("models/gem", ["generateContent", "countTokens"])
    with pytest.raises(errors.ClientError) as caught:
        cell.google.models.get(model="gone")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    assert cell.http.get(f"/v1beta/models/gem?key={KEY}", headers={"authorization": ""}).status_code == 200


def test_what_other_clients_ask_is_said_in_the_vendors_types(cell: Cell) -> None:
    schema: Json = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}}
    asked: Any = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]},
    ]
    cell.says(**GEMINI["text"])
    for ask in (openai_whole, openai_streamed):
        ask(
            cell,
            "gem",
            asked,
            max_tokens=50,
            reasoning_effort="low",
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}},
            tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}],
            tool_choice={"type": "function", "function": {"name": "f"}},
        )
        valid_request(cell.sent)
        config = cell.sent["generationConfig"]
        assert (config["maxOutputTokens"], config["responseJsonSchema"]) == (50, schema)
        assert config["thinkingConfig"] == {"thinkingLevel": "LOW", "includeThoughts": True}
        assert cell.sent["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["f"]}
        assert cell.sent["contents"][0]["parts"][1]["inlineData"] == {"mimeType": "image/png", "data": PNG}
        assert cell.upstream.last.header("x-goog-api-key") == UPSTREAM_KEY
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content: Any = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    said: Any = [{"role": "user", "content": content}]
    for ask in (anthropic_whole, anthropic_streamed):
        ask(
            cell,
            "gem",
            said,
            system="Be brief.",
            thinking={"type": "enabled", "budget_tokens": 2000},
            tools=[{"name": "f", "input_schema": schema}],
            tool_choice={"type": "any"},
        )
        valid_request(cell.sent)
        assert cell.sent["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
        assert cell.sent["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "MEDIUM"
        assert cell.sent["tools"][0]["functionDeclarations"][0]["parameters"]["required"] == ["x"]
