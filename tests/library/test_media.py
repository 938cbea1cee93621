"""Rerank, moderation, images and speech without a configuration file, in both kinds of code."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import pytest

import nova_core as nova
from nova_core.testing import ScriptedUpstream


def test_documents_are_ranked_and_come_back() -> None:
    reply = nova.rerank("echo/rerank", "red tomato", ["green grass", {"text": "a red tomato"}], top_n=1)
    assert [(each.index, each.document.text) for each in reply.results] == [(1, "a red tomato")]
    bare = nova.rerank("echo/rerank", "red", ["red"], return_documents=False)
    assert bare.results[0].document is None


def test_texts_are_moderated() -> None:
    reply = nova.moderation(["flowers", "murder"], "echo/moderation")
    assert [each.flagged for each in reply.results] == [False, True]


def test_images_are_made_whole_and_in_events() -> None:
    whole = nova.image_generation("a lighthouse", "echo/image", size="128x64", n=2)
    assert [base64.b64decode(each.b64_json)[:4] for each in whole.data] == [b"\x89PNG", b"\x89PNG"]
    events = list(nova.image_generation("a lighthouse", "echo/image", stream=True))
    assert [event.type for event in events] == ["image_generation.completed"]


def test_speech_is_content_to_keep(tmp_path: Path) -> None:
    said = nova.speech("echo/speech", "hello there", "alloy")
    assert said.content_type == "audio/wav"
    assert b"".join(said.iter_bytes(100)) == said.read() == said.content
    said.write_to_file(tmp_path / "said.wav")
    with wave.open(io.BytesIO((tmp_path / "said.wav").read_bytes())) as audio:
        assert audio.getnchannels() == 1
    with nova.speech("echo/speech", "hello there", "alloy", stream_format="sse") as events:
        assert [event.type for event in events][-1] == "speech.audio.done"


async def test_all_of_it_in_async_code() -> None:
    reranked = await nova.arerank("echo/rerank", "red", ["blue", "red"])
    assert reranked.results[0].index == 1
    assert (await nova.amoderation("flowers", "echo/moderation")).results[0].flagged is False
    assert (await nova.aimage_generation("a lighthouse", "echo/image")).data[0].b64_json
    said = await nova.aspeech("echo/speech", "hello", "alloy", response_format="pcm")
    assert b"".join([piece async for piece in said.aiter_bytes()]) == said.content
    events = await nova.aimage_generation("a lighthouse", "echo/image", stream=True)
    assert [event.type async for event in events] == ["image_generation.completed"]


async def test_speech_that_breaks_off_raises_and_costs_are_told() -> None:
    with pytest.raises(nova.StreamBrokenError):
        await nova.aspeech("echo/speech", "hello there !\n!break after 1", "alloy")
    async with ScriptedUpstream() as upstream:
        at = {"api_base": f"{upstream.url}/v1", "api_key": "k"}
        nova.register_model({"openai/painter": {"output_cost_per_image": 0.04}})
        reply = await nova.aimage_generation("a lighthouse", "openai/painter", **at, n=2)
        nova.register_model({"openai/speaker": {"input_cost_per_character": 0.001}})
        said = await nova.aspeech("openai/speaker", "hello", "alloy", **at)
    assert reply.headers["response-cost"] == "0.08"
    assert said.headers["response-cost"] == "0.005"


def test_what_is_missing_or_unknown_is_said() -> None:
    with pytest.raises(nova.BadRequestError) as caught:
        nova.rerank("echo/rerank", "", ["a"])
    assert caught.value.param == "query"
    with pytest.raises(nova.BadRequestError) as caught:
        nova.speech("echo/speech", "hello", "alloy", response_format="mp3")
    assert caught.value.param == "response_format"
    with pytest.raises(nova.BadRequestError, match="does not serve rerank"):
        nova.rerank("groq/any", "a", ["a"], api_key="k")


def test_every_price_can_be_given_with_a_call() -> None:
    with ScriptedUpstream() as upstream:
        where = {"api_base": f"{upstream.url}/v1", "api_key": "k"}
        made = nova.image_generation("a lighthouse", "openai/drawer", output_cost_per_image=0.5, n=2, **where)
        assert upstream.last.json == {"model": "drawer", "prompt": "a lighthouse", "n": 2}
        said = nova.speech("openai/teller", "hello", "alloy", input_cost_per_character=0.25, **where)
    assert (float(made.headers["response-cost"]), float(said.headers["response-cost"])) == (1.0, 1.25)
