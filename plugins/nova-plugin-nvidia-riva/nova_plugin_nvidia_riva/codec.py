"""Requests in Riva's words: which method is called, and with what; nobody is asked here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from nova_core.errors import APIConnectionError, BadRequestError, ConfigurationError
from nova_core.types.audio import TranscriptionRequest
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request, TypedRequest, plain
from nova_core.types.upload import File
from nova_core.types.upstream import UpstreamRequest
from nova_core.wire.openai_transcriptions import OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS
from nova_core.wire.provider import DialectProvider, Lane, of_deployment
from nova_plugin_nvidia_riva.address import FUNCTION, HOSTED, ROOTS, USE_SSL, Address, reached
from nova_plugin_nvidia_riva.messages import RECOGNITION_CONFIG, SYNTHESIZE_REQUEST
from nova_plugin_nvidia_riva.protobuf import Message
from nova_plugin_nvidia_riva.recognition import LANGUAGE, RIVA_RECOGNITION, RIVA_TRANSLATION
from nova_plugin_nvidia_riva.synthesis import RIVA_SYNTHESIS

MODEL: Final = "riva_model_name"
MODE: Final = "riva_mode"
OFFLINE, STREAMING = "offline", "streaming"
MODES: Final = ("", OFFLINE, STREAMING)
TRANSLATE: Final = RECOGNITION_CONFIG.encode({"custom_configuration": {"task": "translate"}})
"""What makes a transcript one in English."""
NAME: Final = re.compile(r"[0-9a-z_.-]+(?<!-bin)")
VALUE: Final = re.compile(r"[ -~]*")
"""Metadata that are text."""
Pairs = tuple[tuple[str, str], ...]


class Rpc(UpstreamRequest, frozen=True, kw_only=True):
    """A call of a method. `mode` is `offline`, `streaming`, or empty for what serves the request."""

    address: Address
    mode: str

    @property
    def metadata(self) -> Pairs:
        """The headers as gRPC has them. Raises APIConnectionError for one that it cannot send."""
        said = tuple((name.lower(), value) for name, value in self.headers if name.lower() != "content-type")
        for name, value in said:
            if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
                raise APIConnectionError(
                    f"the call of the upstream {self.address.target} cannot be made: a header is malformed",
                    hint="Check api_key and extra_headers for line breaks and other stray characters.",
                )
        return said

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


class Hearing(Rpc, frozen=True, kw_only=True):
    """`config` is an encoded `RecognitionConfig`. `bare` is whether it says how samples without a header are encoded,
    `speakers` whether they are told apart.
    """

    file: File
    config: bytes
    language: str
    bare: bool
    speakers: bool


class Speaking(Rpc, frozen=True, kw_only=True):
    """`message` is an encoded `SynthesizeSpeechRequest`."""

    message: bytes
    format: str
    rate: int


class RivaCodec(DialectProvider):
    """Makes exchanges whose requests are calls of methods; who moves them reads the answers with the exchanges."""

    providers = ("nvidia_riva",)
    base_url = HOSTED
    api_base_env = ("NVIDIA_RIVA_API_BASE",)
    api_key_env = ("NVIDIA_RIVA_API_KEY", "NVIDIA_NIM_API_KEY")
    settings_keys = (FUNCTION, USE_SSL, ROOTS, MODEL, MODE)
    dialects: Mapping[Operation, Dialect] = {
        "speech": RIVA_SYNTHESIS,
        "transcription": RIVA_RECOGNITION,
        "translation": RIVA_TRANSLATION,
    }

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address and key. Raises ConfigurationError without either an address or a function."""
        settings = dict(deployment.settings)
        base = deployment.api_base or environ.get(self.api_base_env[0], "").strip()
        if not base and not settings.get(FUNCTION):
            raise ConfigurationError(
                f"set `{FUNCTION}` for {deployment.model}, which NVIDIA hosts, or the `api_base` of a server "
                f"of your own, or the environment variable {self.api_base_env[0]}"
            )
        if settings.get(MODE, "") not in MODES:
            raise ConfigurationError(f"`{MODE}` of {deployment.model} must be {OFFLINE} or {STREAMING}")
        if roots := environ.get("SSL_CERT_FILE", "").strip():
            settings.setdefault(ROOTS, roots)
        there = reached(replace(deployment, api_base=base, settings=settings))
        return super().complete(replace(deployment, api_base=there.url, settings=settings), environ)

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key, and the function that is called."""
        key, function = self.key(deployment), deployment.settings.get(FUNCTION)
        said = [("authorization", f"Bearer {key}")] if key else []
        return [*said, ("function-id", str(function))] if function else said

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The address; methods have names."""
        return reached(deployment).url

    def before_translation(self, typed: TypedRequest) -> TypedRequest:
        """Translations with the members that the dialect of transcripts knows as extensions."""
        if not isinstance(typed, TranscriptionRequest) or not typed.translation:
            return typed
        return replace(typed, extra={OPENAI_TRANSCRIPTIONS.name: typed.extra.get(OPENAI_TRANSLATIONS.name, {})})

    def outgoing(self, lane: Lane, request: Request, headers: Pairs, streamed: bool) -> UpstreamRequest:
        """The call. Raises BadRequestError for a member that its field does not take."""
        members = plain(request.without("stream", "model").members)
        settings = lane.deployment.settings
        where: dict[str, Any] = {
            "headers": headers,
            "address": reached(lane.deployment),
            "mode": settings.get(MODE, ""),
        }
        if lane.dialect.operation == "speech":
            format, rate = str(members.pop("response_format")), members.get("sample_rate_hz")
            message = _encoded(SYNTHESIZE_REQUEST, members)
            return Speaking(lane.url, **where, message=message, format=format, rate=int(rate or 0))
        file = members.pop("file")
        config = _encoded(RECOGNITION_CONFIG, {**members, "model": settings.get(MODEL)})
        told = RECOGNITION_CONFIG.decode(config)
        diarized = told["diarization_config"] or {}
        if lane.dialect.operation == "translation":
            config += TRANSLATE  # messages that stand one after another are one
        return Hearing(
            lane.url,
            **where,
            file=file,
            config=config,
            language=told[LANGUAGE],
            bare=bool(told["encoding"]),
            speakers=bool(diarized.get("enable_speaker_diarization")),
        )


def _encoded(message: Message, members: Mapping[str, Any]) -> bytes:
    try:
        return message.encode(members)
    except ValueError as error:
        named = str(error).split("`")
        raise BadRequestError(str(error), param=named[1] if len(named) > 1 else None) from error
