"""What a provider cannot express is refused by name, or dropped and named in a header, whatever the route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx
import pytest

from nova_core.server.app import create_app
from nova_core.testing import ScriptedUpstream
from nova_core.testing.caller import GatewayFactory
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation
from nova_core.wire.openai_compatible import MEDIA_DIALECTS, OPENAI_DIALECTS, OpenAICompatible

WAV = {"file": ("talk.wav", b"RIFF....WAVE", "audio/wav")}
PNG = {"image": ("cat.png", b"\x89PNG....", "image/png")}
SAID: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
PARTS: dict[str, Any] = {"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": {"seed": 7}}
RANKED = {"query": "q", "documents": ["a"]}
PAINTED = {"json": {"created": 1, "data": [{"b64_json": "aGk="}]}}
HEARD = {"json": {"text": "hi"}}
ROUTES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "/v1/chat/completions": ("seed", SAID),
    "/v1/completions": ("seed", {"prompt": "a"}),
    "/v1/responses": ("user", {"input": "a"}),
    "/v1/messages": ("user", {**SAID, "max_tokens": 9, "metadata": {"user_id": "u"}}),
    "/v1beta/models/{model}:generateContent": ("seed", PARTS),
    "/v1beta/models/{model}:streamGenerateContent": ("seed", PARTS),
    "/v1/embeddings": ("user", {"input": "a"}),
    "/v1/moderations": ("made_up", {"input": "a"}),
    "/v1/rerank": ("made_up", RANKED),
    "/v2/rerank": ("made_up", RANKED),
    "/v1/images/generations": ("user", {"prompt": "a"}),
    "/v1/images/edits": ("user", {"prompt": "a"}),
    "/v1/images/variations": ("user", {}),
    "/v1/audio/speech": ("made_up", {"input": "a", "voice": "alloy"}),
    "/v1/audio/transcriptions": ("made_up", {}),
    "/v1/audio/translations": ("made_up", {}),
}
"""A parameter, beside the least that can be asked."""
VALUES = {"seed": 7, "user": "u", "made_up": "4711"}
FILES = {"edits": PNG, "variations": PNG, "transcriptions": WAV, "translations": WAV}
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "rerank": {"json": {"results": [{"index": 0, "relevance_score": 0.5}], "usage": {"total_tokens": 3}}},
    "moderations": {"json": {"id": "m", "model": "m", "results": []}},
    **dict.fromkeys(("generations", "edits", "variations"), PAINTED),
    **dict.fromkeys(("transcriptions", "translations"), HEARD),
}
STREAMING = frozenset({"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"})


class Terse(OpenAICompatible):
    """A vendor with few parameters."""

    providers = ("terse",)
    dialects: ClassVar[Mapping[Operation, Dialect]] = {**OPENAI_DIALECTS, **MEDIA_DIALECTS}
    unsupported = frozenset(VALUES)
    key_required = False


terse = Terse()


@pytest.mark.parametrize(
    ("route", "stream"), [*((route, False) for route in ROUTES), *((route, True) for route in sorted(STREAMING))]
)
async def test_a_parameter_is_refused_by_name_or_dropped_and_named(
    gateway: GatewayFactory, upstream: ScriptedUpstream, route: str, stream: bool
) -> None:
    params = {"model": "terse/m", "api_base": "{upstream}/v1"}
    models = [
        {"model_name": name, "params": {**params, "drop_params": name == "drops"}} for name in ("drops", "strict")
    ]
    nova = await gateway({"model_list": models}, providers={"terse": f"{__name__}:terse"})
    kind = route.rpartition("/")[2]
    upstream.script("*", **ANSWERS.get(kind, {}))
    name, asked = ROUTES[route]
    body = {**asked, **({} if "Config" in str(asked) or "metadata" in asked else {name: VALUES[name]})}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(nova.gateway)), base_url="http://nova"
    ) as caller:

        async def answer(model: str) -> httpx.Response:
            said = {**body, **({} if "{model}" in route else {"model": model}), **({"stream": True} if stream else {})}
            content: dict[str, Any] = {"data": said, "files": FILES[kind]} if kind in FILES else {"json": said}
            return await caller.post(route.format(model=model), **content)

        refused = await answer("strict")
        assert (refused.status_code, upstream.requests) == (400, [])
        assert f"`{name}`" in refused.text
        dropped = await answer("drops")
        assert dropped.status_code == 200, dropped.text
        assert dropped.headers["x-nova-dropped-params"] == name
    assert upstream.requests
    assert all(name.encode() not in each.body for each in upstream.requests if name != "user")
