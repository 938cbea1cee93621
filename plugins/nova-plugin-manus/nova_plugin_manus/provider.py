"""Manus: agents behind the Responses API, which work on a task until somebody who asks about it finds it done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fidelity
from nova_core.types.message import Operation, Reply, Request, plain
from nova_core.types.upstream import Exchange, UpstreamRequest, UpstreamResponse
from nova_core.wire.openai_compatible import RESPONSES
from nova_core.wire.openai_responses import NAME
from nova_core.wire.polled import Pace
from nova_core.wire.provider import DialectProvider, Lane, of_deployment
from nova_core.wire.steps import Ending, follow
from nova_core.wire.tidied import document, named
from nova_plugin_manus.dialect import ManusResponses
from nova_plugin_manus.files import Asking, has_files, uploaded
from nova_plugin_manus.parameters import left_out
from nova_plugin_manus.tasks import as_response, is_running
from nova_plugin_manus.words import message_of, unsaid

PATH: Final = "/v1/responses"
FILES: Final = "/v1/files"
PACE: Final = Pace(first=1.0, longest=5.0)
SETTLED: Final = ("instructions", "stream", "background", "text", "include")
"""Members that are said in the message, that are for whoever waits, or that were noted part by part."""
Read = Callable[[UpstreamResponse], Reply | Exchange]


class Manus(DialectProvider):
    """`manus/{agent profile}`, such as `manus/manus-1.6`: chat, and Responses, also in the background."""

    providers = ("manus",)
    base_url = "https://api.manus.im"
    api_base_env = ("MANUS_API_BASE",)
    api_key_env = ("MANUS_API_KEY",)
    dialects: Mapping[Operation, Dialect] = {"chat": ManusResponses()}
    paths: Mapping[Operation, str] = {"chat": PATH}
    natives = RESPONSES
    native_paths: Mapping[str, str] = {NAME: PATH}
    secret_headers = DialectProvider.secret_headers | {"api_key"}

    @of_deployment
    def headers(self, deployment: Deployment, call: Call) -> list[tuple[str, str]]:
        """The key, and the type that the vendor wants of every request, questions included."""
        key = self.key(deployment)
        return [*([("API_KEY", key)] if key else []), ("Content-Type", "application/json")]

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The Responses API; the base may end with the version."""
        return self._at(deployment, PATH, "/v1")

    def native_url(self, deployment: Deployment, dialect: str) -> str:
        """The same."""
        return self._at(deployment, PATH, "/v1")

    def review(self, request: Request) -> Fidelity:
        """What an agent cannot be told; of callers of other APIs that was settled when it was translated."""
        if request.dialect.name != NAME:
            return Fidelity()
        members = plain(request.members)
        return Fidelity((*left_out(members), *unsaid(members)))

    def to_upstream(self, request: Request) -> Request:
        """One message, and who is to work on it."""
        members = plain(request.members)
        who = {"task_mode": "agent", "agent_profile": request.model}
        said = {name: value for name, value in members.items() if name not in SETTLED}
        return Request(request.operation, request.dialect, {**who, **said, "input": [message_of(members)]})

    def from_upstream(self, reply: Reply) -> Reply:
        """A task as the response that it is, also where it is asked about later."""
        return reply.with_members(as_response(plain(reply.members))) if "status" in reply.members else reply

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The task; no answer is streamed."""
        plainly = super().outgoing(lane, request, headers, False)
        if not has_files(request.members):
            return plainly
        files = _sibling(lane.url, FILES)
        return Asking(lane.url, "POST", headers, plainly.body, members=request.members, files_url=files)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt: files are uploaded, and the task is asked about until it is done, unless the caller will ask."""
        exchange = super().provider_call(call, request, deployment)
        waits = request.stream or request.dialect.name != NAME or request.get("background") is not True
        read = partial(_told, exchange.read)
        asking = msgspec.structs.replace(exchange, read=read, frames=None)
        if waits:
            asking = msgspec.structs.replace(asking, read=partial(_asked, asking, PACE.first))
        if not isinstance(exchange.request, Asking):
            return asking
        ending = Ending(exchange.dialect, exchange.read_error, partial(_with_request, asking))
        return follow(uploaded(exchange.request), ending)


def _with_request(exchange: Exchange, request: UpstreamRequest) -> Exchange:
    return msgspec.structs.replace(exchange, request=request)


def _told(read: Read, response: UpstreamResponse) -> Reply | Exchange:
    """A task read as a response. Raises what it failed with."""
    body: Any = document(response)
    if "status" in body:
        body = as_response(body)
    return read(UpstreamResponse(response.status, response.headers, msgspec.json.encode(body)))


def _asked(exchange: Exchange, wait: float, response: UpstreamResponse) -> Reply | Exchange:
    """The next question about a task, or its answer."""
    task = document(response)
    if not is_running(task):
        return exchange.read(response)
    url = _sibling(exchange.request.url, f"{PATH}/{quote(named(task, 'id'), safe='')}")
    question = UpstreamRequest(url, "GET", exchange.request.headers)
    longer = min(wait * PACE.growth, PACE.longest)
    return msgspec.structs.replace(exchange, request=question, read=partial(_asked, exchange, longer), wait=wait)


def _sibling(url: str, path: str) -> str:
    """Another path of the same API."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.partition(PATH)[0] + path, parts.query, ""))
