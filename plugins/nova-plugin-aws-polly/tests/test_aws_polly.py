"""Amazon Polly: engines, voices, formats, signatures and audio."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_core.errors import AuthenticationError, NotFoundError
from nova_core.testing import ScriptedUpstream
from nova_core.testing.provider_bench import bench
from nova_core.types.call import Call, CallOptions
from nova_core.types.deployment import Deployment
from nova_core.types.message import Request, Stream
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_plugin_aws_polly import plugin

ENVIRON = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-0123456789", "AWS_REGION": "eu-west-1"}


def spoken(**members: Any) -> Request:
    said = {"model": "public", "input": "Hello there.", "voice": "Joanna", **members}
    return Request("speech", OPENAI_SPEECH, said)


def deployed(environ: dict[str, str] | None = None, **fields: Any) -> Deployment:
    where = Deployment("d", "public", "aws_polly", "neural", **fields)
    return plugin.complete(where, ENVIRON if environ is None else environ)


def asked(drop: bool | None = None, **members: Any) -> tuple[Call, dict[str, Any]]:
    call = Call(spoken(**members), options=CallOptions(drop_params=drop))
    exchange = plugin.provider_call(call, spoken(**members), deployed())
    assert exchange.request.url == "https://polly.eu-west-1.amazonaws.com/v1/speech"
    return call, json.loads(exchange.request.content)


def test_the_model_is_the_engine():
    _, body = asked(response_format="opus", LanguageCode="en-GB")
    assert body == {
        "Engine": "neural",
        "OutputFormat": "ogg_opus",
        "Text": "Hello there.",
        "TextType": "text",
        "VoiceId": "Joanna",
        "LanguageCode": "en-GB",
    }
    _, body = asked(input="<speak>Hi</speak>", voice={"id": "Amy"}, speed=1)
    assert (body["TextType"], body["VoiceId"], body["OutputFormat"]) == ("ssml", "Amy", "mp3")


async def test_audio_comes_as_it_is_made_and_requests_are_signed(upstream: ScriptedUpstream):
    upstream.script("*", body=b"ID3audio", headers={"content-type": "audio/mpeg"})
    async with bench(plugin, deployed(api_base=upstream.url)) as asking:
        answer = await asking.ask(spoken())
        assert isinstance(answer, Stream)
        assert answer.frames is not None
        pieces = [frame.data async for frame in answer.frames]
        await answer.aclose()
    assert b"".join(pieces) == b"ID3audio"
    proof = upstream.last.header("authorization") or ""
    assert "/eu-west-1/polly/aws4_request" in proof
    assert ENVIRON["AWS_SECRET_ACCESS_KEY"] not in proof


async def test_errors_are_told_by_their_class(upstream: ScriptedUpstream):
    upstream.script(
        "*", status=404, json={"message": "no such lexicon"}, headers={"x-amzn-errortype": "LexiconNotFound"}
    )
    async with bench(plugin, deployed(api_base=upstream.url)) as asking:
        with pytest.raises(NotFoundError, match="no such lexicon"):
            await asking.ask(spoken())


def test_without_keys_nothing_is_asked(tmp_path: Any):
    nowhere = {"AWS_CONFIG_FILE": str(tmp_path / "c"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "s")}
    where = deployed({**nowhere, "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "eu-west-1"})
    with pytest.raises(AuthenticationError, match="AWS_ACCESS_KEY_ID"):
        plugin.provider_call(Call(spoken()), spoken(), where)
