"""Amazon Polly: speech by one of its engines, asked with a signature."""

# https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.openai_speech import OPENAI_SPEECH
from nova_core.wire.provider import Lane
from nova_core.wire.sigv4 import Signed
from nova_core.wire.sigv4.choosing import REGION, SETTINGS, Chooser, domain_of, said
from nova_core.wire.sigv4.signed import with_keys

FORMATS: Mapping[str, str] = {"mp3": "mp3", "opus": "ogg_opus", "pcm": "pcm"}
"""Formats by OpenAI's names."""
OPENAI_ONLY = frozenset({"model", "input", "voice", "response_format", "speed", "instructions", "stream_format"})
USUAL_SPEED = 1
MARKUP = "<speak>"


class Polly(Signed):
    """`aws_polly/{engine}`: `standard`, `neural`, `long-form` or `generative`; `voice` is one of Polly's."""

    service = "polly"
    providers = ("aws_polly",)
    base_url = "https://polly.{aws_region_name|AWS_REGION_NAME|AWS_REGION}.amazonaws.com"
    api_base_env = ("AWS_POLLY_API_BASE",)
    key_required = False
    settings_keys: tuple[str, ...] = SETTINGS
    dialects: Mapping[Operation, Dialect] = {"speech": OPENAI_SPEECH}
    paths: Mapping[Operation, str] = {"speech": "/v1/speech"}

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, region and keys. Raises ConfigurationError for what is half given."""
        settings: dict[str, Any] = dict(deployment.settings)
        chooser = Chooser(settings, environ)
        region = settings[REGION] = said(settings, REGION) or chooser.region()
        stated = deployment.api_base or environ.get(self.api_base_env[0], "").strip()
        base = stated or f"https://polly.{region}.{domain_of(region)}"
        keyed = deployment.api_key is not None and bool(deployment.api_key.reveal())
        settings = settings if keyed else with_keys(settings, chooser, region)
        return super().complete(replace(deployment, api_base=base, settings=settings), environ)

    def review(self, request: Request) -> Fidelity:
        """What an engine cannot be told."""
        return Fidelity(tuple(_unsaid(request)))

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The request with its signature. Raises AuthenticationError when there are no keys."""
        body = msgspec.json.encode(rendered(plain(request.members), lane.deployment.model))
        return self.signed_request(lane, lane.url, headers, body, streamed=streamed)


def rendered(members: Mapping[str, Any], engine: str) -> dict[str, Any]:
    """What Polly is asked; members that OpenAI does not have (`LanguageCode`, `SampleRate`, …) are its own."""
    voice, text = members.get("voice"), str(members.get("input"))
    own = {name: value for name, value in members.items() if name not in OPENAI_ONLY}
    return {
        "Engine": engine,
        "OutputFormat": FORMATS.get(str(members.get("response_format")), "mp3"),
        "Text": text,
        "TextType": "ssml" if text.lstrip().startswith(MARKUP) else "text",
        "VoiceId": voice.get("id") if isinstance(voice, Mapping) else voice,
        **own,
    }


def _unsaid(request: Request) -> Iterator[FieldNote]:
    wanted = request.get("response_format")
    if wanted is not None and wanted not in FORMATS:
        yield FieldNote("response_format", Fate.LOST, f"there are {', '.join(FORMATS)}")
    if request.get("speed") not in (None, USUAL_SPEED):
        yield FieldNote("speed", Fate.LOST, "it is said in SSML")
    if request.get("instructions"):
        yield FieldNote("instructions", Fate.LOST, "it is said in SSML")
