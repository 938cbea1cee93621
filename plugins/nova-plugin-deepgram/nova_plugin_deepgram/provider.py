"""Deepgram's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from nova_core.errors import NovaError
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation, Request, plain
from nova_core.types.upload import File
from nova_core.types.upstream import UpstreamRequest, UpstreamResponse
from nova_core.wire.provider import DialectProvider, Lane, of_deployment
from nova_core.wire.upstream_errors import error_from_response
from nova_plugin_deepgram.listen import DEEPGRAM_LISTEN
from nova_plugin_deepgram.speak import DEEPGRAM_SPEAK, model_of


class Deepgram(DialectProvider):
    """`deepgram/…`: `/listen` for transcripts, `/speak` for speech."""

    providers = ("deepgram",)
    base_url = "https://api.deepgram.com/v1"
    api_base_env = ("DEEPGRAM_API_BASE",)
    api_key_env = ("DEEPGRAM_API_KEY",)
    dialects: Mapping[Operation, Dialect] = {"transcription": DEEPGRAM_LISTEN, "speech": DEEPGRAM_SPEAK}
    paths: Mapping[Operation, str] = {"transcription": "/listen", "speech": "/speak"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """`Authorization: Token`, when there is a key."""
        key = self.key(deployment)
        return [("Authorization", f"Token {key}")] if key else []

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The file as it is, or the text in JSON; everything else in the query."""
        members = plain(request.members)
        file, text = members.pop("file", None), members.pop("text", None)
        if not isinstance(file, File):
            members["model"] = model_of(members["model"], members.pop("voice", None))
            body = msgspec.json.encode({"text": text})
            return UpstreamRequest(_with_query(lane.url, members), "POST", headers, body, streamed)
        others = tuple(header for header in headers if header[0].lower() != "content-type")
        sent = (*others, ("Content-Type", file.content_type))
        return UpstreamRequest(_with_query(lane.url, members), "POST", sent, file, streamed)

    def read_error(self, response: UpstreamResponse) -> NovaError:
        """The vendor's `err_msg` and `err_code`, which are its own names for what others call message and code."""
        try:
            body = msgspec.json.decode(response.body, type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError):
            body = {}
        if isinstance(body.get("err_msg"), str):
            said = {"error": {"message": body["err_msg"], "code": body.get("err_code")}}
            response = UpstreamResponse(response.status, response.headers, msgspec.json.encode(said))
        return error_from_response(response)


def _with_query(url: str, members: Mapping[str, Any]) -> str:
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    for name, value in members.items():
        for item in value if isinstance(value, list) else (value,):
            if item is not None:
                pairs.append((name, item if isinstance(item, str) else msgspec.json.encode(item).decode()))
    return urlunsplit(parts._replace(query=urlencode(pairs)))
