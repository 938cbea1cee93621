"""A row of the table at work."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from msgspec.structs import replace as replace_struct

from nova_core.errors import ConfigurationError
from nova_core.hookspecs import hookimpl
from nova_core.types.call import Call
from nova_core.types.chat import ChatRequest
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import EXACT, Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request, TypedRequest, plain
from nova_core.types.upstream import Exchange, UpstreamRequest
from nova_core.wire.anthropic_messages import ANTHROPIC_MESSAGES
from nova_core.wire.drop_policy import review
from nova_core.wire.file_in_json import FilesInJson
from nova_core.wire.mended_answers import MakeMender, mended_exchange
from nova_core.wire.multipart import form_request
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_chat.render import LONGEST_TOOL_NAME
from nova_core.wire.openai_compatible import (
    MEDIA_DIALECTS,
    OPENAI_DIALECTS,
    OPENAI_PATHS,
    RESPONSES,
    RESPONSES_PATHS,
    OpenAICompatible,
    mentions,
)
from nova_core.wire.provider import Lane
from nova_core.wire.spoken_json import as_asked
from nova_core.wire.thoughts_in_text import ThoughtsMender
from nova_core.wire.tool_names import with_short_names
from nova_plugin_openai_compatible.asking import (
    asks_by_tool,
    concerns_messages,
    in_words_of_vendor,
    nudges,
    out_of_range,
    renamed,
)
from nova_plugin_openai_compatible.citing import CitationsMender
from nova_plugin_openai_compatible.drawing import DRAWN
from nova_plugin_openai_compatible.hearing import FormTranscribing
from nova_plugin_openai_compatible.int8_vectors import with_numbers
from nova_plugin_openai_compatible.json_tool import JsonToolMender, has_tools, was_asked
from nova_plugin_openai_compatible.mending import (
    CompletionMender,
    FinishMender,
    PartsMender,
    UsageMender,
)
from nova_plugin_openai_compatible.rankings import reranked
from nova_plugin_openai_compatible.rewriting import dropped_paths
from nova_plugin_openai_compatible.row import Vendor
from nova_plugin_openai_compatible.searching import SearchingChat, searches
from nova_plugin_openai_compatible.thinking import known_effort, loses_budget, other_effort, with_own_thoughts
from nova_plugin_openai_compatible.tool_names import NamesMender, names_to_restore

MESSAGES: Mapping[str, Dialect] = {ANTHROPIC_MESSAGES.name: ANTHROPIC_MESSAGES}
MESSAGES_NAME = ANTHROPIC_MESSAGES.name
MESSAGES_VERSION = "2023-06-01"
WITH_FILES: frozenset[Operation] = frozenset({"image_edit", "transcription"})
"""Operations whose requests hold files: in forms, or else in JSON."""
VARIABLE = re.compile(r"\{([\w|]+)\}")


class VendorProvider(OpenAICompatible):
    """The provider of one row, under its name or one of its aliases."""

    def __init__(self, vendor: Vendor, name: str | None = None) -> None:
        self.vendor = vendor
        self.providers = (name or vendor.name,)
        self.base_url = vendor.base_url
        self.api_base_env = vendor.base_variables
        self.api_key_env = vendor.key_variables
        self.key_required = vendor.key_required
        self.keeps_cache_control = vendor.keeps_cache_control
        self.knows_developer = vendor.knows_developer
        self.unsupported = vendor.unsupported
        self.hints = vendor.hints
        known = {**OPENAI_DIALECTS, **MEDIA_DIALECTS, **vendor.dialects}
        self.dialects = {operation: known[operation] for operation in vendor.operations}
        self.paths = {operation: OPENAI_PATHS[operation] for operation in vendor.operations} | dict(vendor.paths)
        self.natives = {**(RESPONSES if vendor.responses else {}), **(MESSAGES if vendor.messages_api else {})}
        self.native_paths = {**RESPONSES_PATHS, MESSAGES_NAME: vendor.messages_api}
        variables = "|".join(VARIABLE.findall(vendor.base_url or "")).lower()
        self.settings_keys = (*OpenAICompatible.settings_keys, *filter(None, variables.split("|")))
        self._looks_at = vendor.looks_at
        self._menders = tuple(_menders(vendor))
        self._searching = SearchingChat(self.base_url, self.api_key_env) if vendor.searches_by_responses else None

    def __repr__(self) -> str:
        return f"VendorProvider({self.providers[0]})"

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, key and headers from the environment. Raises ConfigurationError without an address."""
        complete = super().complete(deployment, environ)
        known = {name.lower() for name in complete.extra_headers}
        found = {
            name: environ[variable]
            for name, variable in self.vendor.env_headers.items()
            if environ.get(variable) and name.lower() not in known
        }
        base = self._shaped(self._filled(complete, environ).rstrip("/"))
        return replace(complete, api_base=base, extra_headers={**found, **complete.extra_headers})

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """Where the operation is served; with some vendors the model's name says it."""
        base = deployment.api_base or ""
        if operation in DRAWN and self.vendor.draws is not None:
            drawn = self.vendor.draws.address(base, deployment.model, operation)
            return drawn or super().url(deployment, operation)
        address = self.vendor.addresses.get(operation)
        if address is not None and base == self.base_url:
            return _named(address, deployment)
        if "{" in self.paths[operation]:
            return self._at(deployment, _named(self.paths[operation], deployment))
        place = self.vendor.place.of(deployment.model) if self.vendor.place else None
        if place is None or base.endswith(self.paths[operation]):
            return super().url(deployment, operation)
        if not place.startswith("/"):
            # A whole address is the vendor's own: one that the operator gives is elsewhere.
            return super().url(replace(deployment, api_base=place if base == self.base_url else base), operation)
        return super().url(replace(deployment, api_base=base + place), operation)

    def native(self, dialect: str, deployment: Deployment) -> Dialect | None:
        """The caller's own dialect; a vendor's address of the Messages API says nothing about servers elsewhere."""
        whole = dialect == MESSAGES_NAME and not self.vendor.messages_api.startswith("/")
        return None if whole and deployment.api_base != self.base_url else super().native(dialect, deployment)

    def native_url(self, deployment: Deployment, dialect: str) -> str:
        """See `DialectProvider.native_url`."""
        address = self.native_paths[dialect]
        return super().native_url(deployment, dialect) if address.startswith("/") else address

    def with_usage(self, request: Request) -> Request:
        """Usage in the last chunk of a stream, which the Messages API states anyway."""
        return request if request.dialect.name == MESSAGES_NAME else super().with_usage(request)

    def untouched(self, request: Request) -> bool:
        """See `DialectProvider.untouched`."""
        if self._looks_at is None or request.dialect.name in self.natives:
            return False
        return self._looks_at.isdisjoint(request.members) and OpenAICompatible.untouched(self, request)

    def review(self, request: Request) -> Fidelity:
        """What the row refuses, of members, by model, by value, and inside messages and tools of a chat."""
        if request.dialect.name in self.natives:
            return EXACT
        found = super().review(request)
        if request.dialect.name != OPENAI_CHAT.name:
            return found
        for gate in self.vendor.gates:
            if gate.models.match(request.model):
                found += review(request.members, sorted(gate.members))
        more = (*self._refused(request), *self._nested(request))
        return found + Fidelity(more) if more else found

    def before_translation(self, typed: TypedRequest) -> TypedRequest:
        """Names of tools within what the dialect says, and thoughts that go back to their maker."""
        if not isinstance(typed, ChatRequest):
            return typed
        if self.vendor.messages.replays_thoughts:
            typed = with_own_thoughts(typed)
        if self.vendor.takes_top_k:
            typed = replace(typed, top_k=None)
        return with_short_names(typed, self.vendor.tool_name_limit or LONGEST_TOOL_NAME)

    def to_upstream(self, request: Request) -> Request:
        """The request in the vendor's words."""
        if request.dialect.name == MESSAGES_NAME:
            return request
        request = renamed(super().to_upstream(request), self.vendor)
        edited = self.vendor.model_edit.of(request.model) if self.vendor.model_edit else None
        if request.dialect.name == OPENAI_CHAT.name:
            request = in_words_of_vendor(request, self.vendor)
        elif request.dialect.operation == "embedding" and self.vendor.int8_vectors:
            request = request.without("encoding_format")
        if request.dialect.operation in self.vendor.nameless:
            return request.without("model")
        return request.with_members({"model": edited}) if edited is not None else request

    def _translated(self, request: Request, dialect: Dialect, deployment: Deployment) -> tuple[Request, Fidelity]:
        upstream, fidelity = super()._translated(request, dialect, deployment)
        if not self.vendor.takes_top_k or request.dialect.name == dialect.name:
            return upstream, fidelity
        top_k = request.typed.top_k if isinstance(request.typed, ChatRequest) else None
        return (upstream if top_k is None else upstream.with_members({"top_k": top_k})), fidelity

    def outgoing(
        self, lane: Lane, request: Request, headers: tuple[tuple[str, str], ...], streamed: bool
    ) -> UpstreamRequest:
        """The HTTP request; see `DialectProvider.outgoing`."""
        if isinstance(lane.dialect, FormTranscribing):
            return form_request(lane.url, request.members, headers, streamed, mark="")
        if lane.dialect.operation in WITH_FILES and not lane.form:
            return UpstreamRequest(lane.url, "POST", headers, FilesInJson(plain(request.members)), streamed)
        return OpenAICompatible.outgoing(self, lane, request, headers, streamed)

    @hookimpl
    def provider_call(self, call: Call, request: Request, deployment: Deployment) -> Exchange:
        """One attempt, its answer in the dialect's words."""
        if self._searching is not None and searches(request):
            return self._searching.provider_call(call, request, deployment)
        exchange = OpenAICompatible.provider_call(self, call, request, deployment)
        if exchange.dialect.operation in DRAWN and self.vendor.draws is not None:
            return self.vendor.draws.drawn(exchange, request, deployment.api_base or "")
        if exchange.dialect.name != OPENAI_CHAT.name:
            return self._otherwise(exchange, request)
        makers = (*self._menders, *self._undoing(request, exchange.request.content))
        return mended_exchange(exchange, makers) if makers else exchange

    def _otherwise(self, exchange: Exchange, request: Request) -> Exchange:
        """Answers to what is no chat in the dialect's words."""
        operation = exchange.dialect.operation
        if exchange.dialect.name == MESSAGES_NAME:
            headers = (*exchange.request.headers, ("anthropic-version", MESSAGES_VERSION))
            return replace_struct(exchange, request=replace_struct(exchange.request, headers=headers))
        if operation == "rerank":
            return reranked(exchange, request, self.vendor.results_at)
        if operation == "speech":
            return as_asked(exchange, request)
        if operation == "completion" and self.vendor.completes_as_chat:
            return mended_exchange(exchange, (CompletionMender,))
        if operation == "embedding" and self.vendor.int8_vectors:
            return with_numbers(exchange, request)
        return exchange

    def _undoing(self, request: Request, body: bytes) -> Iterator[MakeMender]:
        """What this request makes the answer need."""
        limit = self.vendor.tool_name_limit
        if limit is None and request.dialect.name != OPENAI_CHAT.name:
            limit = LONGEST_TOOL_NAME
        if limit is not None and (names := names_to_restore(request, limit)):
            yield partial(NamesMender, names)
        if self.vendor.json_by_tool is not None and was_asked(request, body):
            yield JsonToolMender

    def _filled(self, deployment: Deployment, environ: Mapping[str, str]) -> str:
        """The base with its variables. Raises ConfigurationError when one is missing."""
        base = deployment.api_base or ""
        if base != self.base_url:
            return base
        found = {names: _variable(names.split("|"), deployment, environ) for names in VARIABLE.findall(base)}
        if missing := [names for names, value in found.items() if not value]:
            raise ConfigurationError(
                f"provider {deployment.provider} needs the environment variable "
                f"{' and '.join(missing).replace('|', ' or ')}, or `api_base` for {deployment.model}"
            )
        return VARIABLE.sub(lambda names: found[names[1]], base)

    def _shaped(self, base: str) -> str:
        if base.endswith(tuple(self.paths.values())):
            return base
        return next((shaped for edit in self.vendor.base_edits if (shaped := edit.of(base)) is not None), base)

    def _refused(self, request: Request) -> Iterator[FieldNote]:
        for name, words in self.vendor.refused_values.items():
            value = request.get(name)
            word = value.get("type") if isinstance(value, Mapping) else value
            if isinstance(word, str) and word in words:
                yield FieldNote(name, Fate.LOST, f"not as {word}")
        for name, value in self.vendor.forced.items():
            if name in request.members and request.get(name) != value:
                yield FieldNote(name, Fate.HINT, "the vendor is always told otherwise")
        for name, nearest in out_of_range(request, self.vendor):
            yield FieldNote(name, Fate.APPROXIMATED, f"sent as {nearest:g}")
        if asks_by_tool(request, self.vendor) and has_tools(request):
            yield FieldNote("response_format", Fate.LOST, "this model cannot follow a schema beside tools")
        if nudges(request, self.vendor):
            yield FieldNote("tool_choice", Fate.APPROXIMATED, "said as a message")

    def _nested(self, request: Request) -> Iterator[FieldNote]:
        vendor = self.vendor
        if concerns_messages(request, vendor) and isinstance(messages := request.get("messages"), list):
            yield from (FieldNote(path, Fate.HINT) for path in dropped_paths(messages, vendor.messages, request.model))
        if "strict" in vendor.schema_drop and mentions(request, "tools", "strict"):
            for place, tool in enumerate(request.get("tools") or ()):
                if isinstance(tool, Mapping) and "strict" in (tool.get("function") or {}):
                    yield FieldNote(f"tools[{place}].function.strict", Fate.HINT)
        for first, second in vendor.exclusive:
            if request.get(first) is not None and request.get(second) is not None:
                yield FieldNote(second, Fate.HINT, f"`{first}` says it already")
        if loses_budget(vendor.thinking, request):
            yield FieldNote("thinking.budget_tokens", Fate.HINT)
        if (effort := other_effort(vendor.thinking, request) or known_effort(vendor.efforts, request)) is not None:
            yield FieldNote("reasoning_effort", Fate.APPROXIMATED, f"sent as {effort}")


def _menders(vendor: Vendor) -> Iterator[MakeMender]:
    """What every answer of the vendor needs."""
    if vendor.splits_content:
        yield PartsMender
    if vendor.splits_thoughts:
        yield ThoughtsMender
    if vendor.repairs_finish:
        yield FinishMender
    if vendor.cites:
        yield CitationsMender
    if vendor.usage_at:
        yield partial(UsageMender, vendor.usage_at)


def _named(address: str, deployment: Deployment) -> str:
    """An address, or path, with the model's name in it."""
    return address.replace("{model}", deployment.model).replace("{model_}", deployment.model.replace(".", "_"))


def _variable(names: list[str], deployment: Deployment, environ: Mapping[str, str]) -> str:
    """The first of the variables that has a value; a setting of the deployment with its name comes before it."""
    said = (deployment.settings.get(name.lower()) or environ.get(name) for name in names)
    return next((str(value) for value in said if value), "")
