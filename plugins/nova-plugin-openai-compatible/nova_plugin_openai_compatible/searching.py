"""Chats that are to search the web, asked through a vendor's Responses API where no other searches."""

# https://docs.x.ai/docs/guides/tools/overview and …/tools/search-tools; `search_parameters` are what came before

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from nova_core.types.chat import ChatRequest, HostedTool, Tool
from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Operation, Request
from nova_core.wire.openai_chat import OPENAI_CHAT
from nova_core.wire.openai_compatible import OPENAI_PATHS, RESPONSES_PATHS, OpenAICompatible, mentions
from nova_core.wire.openai_responses import OPENAI_RESPONSES

NAME: Final = OPENAI_RESPONSES.name
OPTIONS, PARAMETERS = "web_search_options", "search_parameters"
RUN_BY_VENDOR: Final = ("web_search", "x_search", "code_interpreter", "code_execution")
DATED: Final = "web_search_2"
"""How the Messages API's names of its search tool begin, which end in a date."""
WEB: Final = {"allowed_websites": "allowed_domains", "excluded_websites": "excluded_domains"}
POSTS: Final = {
    "included_x_handles": "allowed_x_handles", "x_handles": "allowed_x_handles",
    "excluded_x_handles": "excluded_x_handles",
}  # fmt: skip
DOMAINS: Final = {"allowed_domains": "allowed_domains", "blocked_domains": "excluded_domains"}
DATES: Final = ("from_date", "to_date")


class SearchingChat(OpenAICompatible):
    """The vendor's Responses API for callers of chats, whose wishes to search become its tools."""

    dialects: Mapping[Operation, Dialect] = {"chat": OPENAI_RESPONSES}

    def __init__(self, base_url: str | None, api_key_env: tuple[str, ...]) -> None:
        self.base_url = base_url
        self.api_key_env = api_key_env

    def url(self, deployment: Deployment, operation: Operation) -> str:
        """The Responses API, also where the base names chat completions."""
        return self._at(deployment, RESPONSES_PATHS[NAME], OPENAI_PATHS["chat"])

    def to_upstream(self, request: Request) -> Request:
        """Nothing is kept by the vendor that the caller does not want kept."""
        request = super().to_upstream(request)
        return request if "store" in request.members else request.with_members({"store": False})

    def _translated(self, request: Request, dialect: Dialect, deployment: Deployment) -> tuple[Request, Fidelity]:
        typed = request.typed
        assert isinstance(typed, ChatRequest)
        wishes = _Wishes(typed)
        upstream, fidelity = super()._translated(request.with_typed(wishes.said()), dialect, deployment)
        return upstream, Fidelity(tuple(wishes.notes)) + fidelity


def searches(request: Request) -> bool:
    """Whether a chat asks to search, or for another tool that the vendor runs."""
    if request.operation != "chat" or request.dialect.name == NAME:
        return False
    if request.dialect.name == OPENAI_CHAT.name and (OPTIONS in request.members or PARAMETERS in request.members):
        return True
    return any(mentions(request, "tools", f'"{kind}') for kind in (*RUN_BY_VENDOR, DATED)) and any(
        isinstance(tool, HostedTool) and _as_vendors(tool) is not tool for tool in _typed(request).tools
    )


class _Wishes:
    """What one request wishes of searching, as tools, and what cannot be said of it."""

    def __init__(self, typed: ChatRequest) -> None:
        self._typed = typed
        self.notes: list[FieldNote] = []

    def said(self) -> ChatRequest:
        """The request with the vendor's tools in the place of other words for them."""
        extra = {
            dialect: {name: value for name, value in members.items() if name not in (OPTIONS, PARAMETERS)}
            for dialect, members in self._typed.extra.items()
        }
        given = {name: value for members in self._typed.extra.values() for name, value in members.items()}
        tools: list[Tool | HostedTool] = [
            self._vendors(tool, f"tools[{place}]") for place, tool in enumerate(self._typed.tools)
        ]
        known = {str(tool.raw.get("type")) for tool in tools if isinstance(tool, HostedTool)}
        wished = [*self._options(given.get(OPTIONS)), *self._parameters(given.get(PARAMETERS))]
        tools += [HostedTool(NAME, tool) for tool in wished if tool["type"] not in known]
        return replace(self._typed, tools=tuple(tools), extra=extra)

    def _vendors(self, tool: Tool | HostedTool, path: str) -> Tool | HostedTool:
        made = _as_vendors(tool) if isinstance(tool, HostedTool) else tool
        if isinstance(tool, HostedTool) and made is not tool and "max_uses" in tool.raw:
            self._note(f"{path}.max_uses", Fate.HINT, "the model decides how often it searches")
        return made

    def _options(self, options: Any) -> Iterator[dict[str, Any]]:
        if not isinstance(options, Mapping):
            return
        self._note(OPTIONS, Fate.MAPPED, "the vendor's web search tool")
        for name in options:
            self._note(f"{OPTIONS}.{name}", Fate.HINT, "the vendor decides")
        yield {"type": "web_search"}

    def _parameters(self, said: Any) -> Iterator[dict[str, Any]]:
        if not isinstance(said, Mapping):
            return
        self._note(PARAMETERS, Fate.MAPPED, "the vendor's search tools")
        if said.get("mode") == "off":
            return
        if said.get("mode") == "on":
            self._note(f"{PARAMETERS}.mode", Fate.APPROXIMATED, "the model decides whether it searches")
        for name in ("max_search_results", "return_citations"):
            if name in said:
                self._note(f"{PARAMETERS}.{name}", Fate.HINT, "the vendor decides")
        found: dict[str, dict[str, Any]] = {}
        for place, source in enumerate(said.get("sources") or ({"type": "web"}, {"type": "x"})):
            tool = self._source(source, f"{PARAMETERS}.sources[{place}]")
            if tool is not None:
                found[tool["type"]] = {**tool, **found.get(tool["type"], {})}
        dates = {name: said[name] for name in DATES if said.get(name)}
        if dates and "web_search" in found:
            self._note(f"{PARAMETERS}.from_date", Fate.APPROXIMATED, "dates bound posts alone")
        if "x_search" in found:
            found["x_search"] |= dates
        yield from found.values()

    def _source(self, source: Any, path: str) -> dict[str, Any] | None:
        match source:
            case {"type": "web" | "news"}:
                filters = _renamed(source, WEB)
                return {"type": "web_search", **({"filters": filters} if filters else {})}
            case {"type": "x"}:
                return {"type": "x_search", **_renamed(source, POSTS)}
        self._note(path, Fate.LOST, "the vendor searches the web and posts")
        return None

    def _note(self, name: str, fate: Fate, why: str) -> None:
        self.notes.append(FieldNote(name, fate, why))


def _as_vendors(tool: HostedTool) -> HostedTool:
    """The tool in the vendor's words, or the same one where it is not the vendor's to run."""
    kind = str(tool.raw.get("type"))
    if kind in RUN_BY_VENDOR:
        return HostedTool(NAME, tool.raw)
    if not kind.startswith(DATED):
        return tool
    filters = _renamed(tool.raw, DOMAINS)
    return HostedTool(NAME, {"type": "web_search", **({"filters": filters} if filters else {})})


def _renamed(source: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names[name]: value for name, value in source.items() if name in names and value}


def _typed(request: Request) -> ChatRequest:
    typed = request.typed
    assert isinstance(typed, ChatRequest)
    return typed
