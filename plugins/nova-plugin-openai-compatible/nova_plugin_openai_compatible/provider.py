"""A row of the table at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from nova_core.types.deployment import Deployment
from nova_core.types.dialect import Dialect
from nova_core.types.fidelity import Fate, Fidelity, FieldNote
from nova_core.types.message import Reply, Request
from nova_core.types.upstream import FrameParser
from nova_core.wire.drop_policy import review
from nova_core.wire.openai_compatible import OPENAI_DIALECTS, OPENAI_PATHS, OpenAICompatible, mentions
from nova_plugin_openai_compatible.mending import MendedFrames, mended_reply
from nova_plugin_openai_compatible.rewriting import dropped_paths, rewritten, without_keys
from nova_plugin_openai_compatible.row import PLAIN_MESSAGES, Vendor


class VendorProvider(OpenAICompatible):
    """The provider of one row."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.providers = (vendor.name,)
        self.base_url = vendor.base_url
        self.api_base_env = vendor.api_base_env
        self.api_key_env = vendor.api_key_env
        self.key_required = vendor.key_required
        self.keeps_cache_control = vendor.keeps_cache_control
        self.unsupported = vendor.unsupported
        self.hints = vendor.hints
        self.dialects = {operation: OPENAI_DIALECTS[operation] for operation in vendor.operations}
        self.paths = {operation: OPENAI_PATHS[operation] for operation in vendor.operations}

    def __repr__(self) -> str:
        return f"VendorProvider({self.vendor.name})"

    def complete(self, deployment: Deployment, environ: Mapping[str, str]) -> Deployment:
        """Address, key and headers from the environment. Raises ConfigurationError without an address."""
        complete = super().complete(deployment, environ)
        base = (complete.api_base or "").rstrip("/")
        if self.vendor.base_suffix and not base.endswith((self.vendor.base_suffix, *self.paths.values())):
            base += self.vendor.base_suffix
        known = {name.lower() for name in complete.extra_headers}
        found = {
            name: environ[variable]
            for name, variable in self.vendor.env_headers.items()
            if environ.get(variable) and name.lower() not in known
        }
        return replace(complete, api_base=base, extra_headers={**found, **complete.extra_headers})

    def review(self, request: Request) -> Fidelity:
        """What the row refuses, of members, by model, and inside messages and tools."""
        found = super().review(request)
        if request.dialect.operation != "chat":
            return found
        for gate in self.vendor.gates:
            if gate.models.match(request.model):
                found += review(request.members, sorted(gate.members))
        return found + Fidelity(tuple(self._nested(request)))

    def to_upstream(self, request: Request) -> Request:
        """The request in the vendor's words."""
        request = self._renamed(super().to_upstream(request))
        if request.dialect.operation != "chat":
            return request
        vendor = self.vendor
        request = self._with_thinking(self._narrowed(request))
        changes: dict[str, Any] = dict(self._replaced(request))
        if vendor.model_prefix and "/" not in request.model:
            changes["model"] = vendor.model_prefix + request.model
        if any(mentions(request, "tools", key) for key in vendor.schema_drop):
            changes["tools"] = without_keys(request.get("tools"), vendor.schema_drop)
        if self._concerns_messages(request) and isinstance(messages := request.get("messages"), list):
            changed = rewritten(messages, vendor.messages, thinking=self._thinks(request))
            changes |= {"messages": changed} if changed != messages else {}
        return request.with_members(changes) if changes else request

    def from_upstream(self, reply: Reply) -> Reply:
        """The reply as the dialect has it."""
        reply = super().from_upstream(reply)
        return mended_reply(reply, self.vendor) if reply.dialect.operation == "chat" else reply

    def frames(self, dialect: Dialect) -> FrameParser:
        """Frames as the dialect has them."""
        mends = self.vendor.repairs_finish or self.vendor.splits_content
        return MendedFrames(self.vendor) if mends and dialect.operation == "chat" else super().frames(dialect)

    def _nested(self, request: Request) -> Iterator[FieldNote]:
        vendor = self.vendor
        if self._concerns_messages(request) and isinstance(messages := request.get("messages"), list):
            yield from (FieldNote(path, Fate.HINT) for path in dropped_paths(messages, vendor.messages))
        if "strict" in vendor.schema_drop and mentions(request, "tools", "strict"):
            for place, tool in enumerate(request.get("tools") or ()):
                if isinstance(tool, Mapping) and "strict" in (tool.get("function") or {}):
                    yield FieldNote(f"tools[{place}].function.strict", Fate.HINT)
        for first, second in vendor.exclusive:
            if request.get(first) is not None and request.get(second) is not None:
                yield FieldNote(second, Fate.HINT, f"`{first}` says it already")
        if vendor.thinking_by_type and "budget_tokens" in (request.get("thinking") or {}):
            yield FieldNote("thinking.budget_tokens", Fate.HINT)

    def _concerns_messages(self, request: Request) -> bool:
        """Whether the row's rules on messages may change these; mostly told without decoding them."""
        rules = self.vendor.messages
        if replace(rules, drop=frozenset(), keep_in=frozenset()) != PLAIN_MESSAGES:
            return True
        return any(mentions(request, "messages", f'"{name}"') for name in rules.drop)

    def _renamed(self, request: Request) -> Request:
        for old, new in self.vendor.renames.items():
            if old in request.members:
                value = request.members.get(new, request.members[old])
                request = request.without(old).with_members({new: value})
        return request

    def _replaced(self, request: Request) -> Iterator[tuple[str, Any]]:
        for name, known in self.vendor.values.items():
            value = request.get(name)
            if isinstance(value, str) and value in known:
                yield name, known[value]

    def _narrowed(self, request: Request) -> Request:
        """A named tool as the only tool there is, for vendors that cannot be told a name."""
        choice, tools = request.get("tool_choice"), request.get("tools")
        if self.vendor.narrows_named_tool is None or not isinstance(choice, Mapping) or not isinstance(tools, list):
            return request
        name = (choice.get("function") or {}).get("name")
        named = [
            tool for tool in tools if isinstance(tool, Mapping) and (tool.get("function") or {}).get("name") == name
        ]
        return (
            request.with_members({"tool_choice": self.vendor.narrows_named_tool, "tools": named}) if named else request
        )

    def _with_thinking(self, request: Request) -> Request:
        """Thinking switched by its type alone; an effort switches it too."""
        thinking, effort = request.get("thinking"), request.get("reasoning_effort")
        if not self.vendor.thinking_by_type or (thinking is None and effort is None):
            return request
        off = thinking.get("type") == "disabled" if isinstance(thinking, Mapping) else effort == "none"
        request = request.with_members({"thinking": {"type": "disabled" if off else "enabled"}})
        return request.without("reasoning_effort") if off else request

    def _thinks(self, request: Request) -> bool:
        """Whether assistant turns must carry their reasoning."""
        rule = self.vendor.messages.blank_reasoning
        if rule is None:
            return False
        thinking = request.get("thinking")
        asked = isinstance(thinking, Mapping) and thinking.get("type") != "disabled"
        return asked or rule.match(request.model) is not None
