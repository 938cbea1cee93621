"""A provider that speaks Google's Gemini API, whose models also write down what they hear, and speak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Reply, Request
from nova_core.types.upstream import Exchange, UpstreamResponse
from nova_core.wire.gemini_api import GeminiApi
from nova_core.wire.gemini_audio import GEMINI_SPEECH, GEMINI_TRANSCRIPTION, as_asked

AUDIO: Final[Mapping[Operation, Dialect]] = {"transcription": GEMINI_TRANSCRIPTION, "speech": GEMINI_SPEECH}
"""The operations on audio, which are asked for as content is."""


class GeminiAudioApi(GeminiApi):
    """Transcripts and speech beside what the API serves anyway. Subclasses have `AUDIO` among their dialects."""

    dialects: Mapping[Operation, Dialect] = {**GeminiApi.dialects, **AUDIO}

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt; speech comes as the caller wants it."""
        exchange = super().provider_call(call, request, deployment)
        if request.operation != "speech":
            return exchange
        read, wanted = exchange.read, request.get("response_format")

        def read_speech(response: UpstreamResponse) -> Reply:
            reply = read(response)
            assert isinstance(reply, Reply)
            return as_asked(reply, wanted)

        return msgspec.structs.replace(exchange, read=read_speech)
