"""What a row of the table of vendors can say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

from nova_core.types.dialect import Dialect
from nova_core.types.message import Operation
from nova_plugin_openai_compatible.drawing import Drawing

MAX_TOKENS: Mapping[str, str] = {"max_completion_tokens": "max_tokens"}

Thinking = Literal["", "type", "adaptive", "switch", "flag", "template", "reasoning", "prompt"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A text that matches `found` as a whole becomes `made`, in which `\\1` is what the first group found."""

    found: re.Pattern[str]
    made: str

    def of(self, text: str) -> str | None:
        """The edited text; None when it does not match."""
        match = self.found.fullmatch(text)
        return match.expand(self.made) if match else None


def edit(found: str, made: str) -> Edit:
    """An edit, its pattern compiled."""
    return Edit(re.compile(found), made)


@dataclass(frozen=True, slots=True)
class Gate:
    """Members that the models matching `models` refuse."""

    models: re.Pattern[str]
    members: frozenset[str]


@dataclass(frozen=True, slots=True)
class Efforts:
    """The values of `reasoning_effort` that the models matching `models` take."""

    models: re.Pattern[str]
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Messages:
    """What a vendor takes in messages. `flat_text` joins lists of text parts into one string.

    `drop` members are left out of every message (of all but the roles in `keep_in`), tool calls keep only their
    `call_members`, `drop_empty` leaves out assistant turns that say nothing, and `blank_reasoning`
    fills in the `reasoning_content` of assistant turns that lost it (for models matching it, or when thinking
    is asked for). `call_id_length` is that of ids of calls, all letters and digits; `marks_prefix` says that an answer
    which is to be continued is a message with `prefix`, `flat_media` that files and audio are parts with their data
    or id at once. `replays_thoughts` says that the vendor takes its own thoughts back, whatever callers say them in;
    models matching `thought_parts` take them as parts of the content.
    """

    flat_text: bool = False
    drop: frozenset[str] = frozenset()
    keep_in: frozenset[str] = frozenset()
    call_members: frozenset[str] | None = None
    drop_empty: bool = False
    blank_reasoning: re.Pattern[str] | None = None
    call_id_length: int | None = None
    marks_prefix: bool = False
    flat_media: bool = False
    replays_thoughts: bool = False
    thought_parts: re.Pattern[str] | None = None

    @property
    def reads_every_message(self) -> bool:
        """Whether only reading the messages tells if something must change."""
        rules = (self.flat_text, self.call_members is not None, self.drop_empty, self.blank_reasoning is not None)
        return any(rules)


PLAIN_MESSAGES = Messages()


@dataclass(frozen=True, slots=True)
class Vendor:
    """One OpenAI-compatible vendor: where it is, and what it takes differently.

    Where: `base_url` None means that the operator must say; `{NAME|OTHER}` in it is an environment variable, or a
    setting of the deployment in lower case. The variables of key and base are `<NAME>_API_KEY` and `<NAME>_API_BASE`
    where the row does not name them. `base_edits` put bases in shape, the first that matches. `place` makes a whole
    address, or a path after the base, of the model's name, and `model_edit` the name that is sent. `paths` are those
    that differ from OpenAI's, `addresses` those of operations that the vendor serves elsewhere than at `base_url`;
    `{model}` in either is the model's name, `{model_}` that with `_` for each `.`. `dialects` are those that differ,
    `nameless` the operations whose requests name no model; `responses` says that it also serves the Responses API,
    `messages_api` where it serves the Messages API: a path, or a whole address beside `base_url`;
    `searches_by_responses` that chats which are to search go to the Responses API. `env_headers` are headers whose
    value is an environment variable. `aliases` are further prefixes. `keeps_cache_control` and
    `knows_developer` are those of `OpenAICompatible`. `draws` says what is different about images beside dialects.

    Refused: `unsupported` members (or dropped where the operator allows it), `gates` by model, `refused_values` of
    members (the value, or the `type` of one that is an object). Always dropped: `hints`; the second of an `exclusive`
    pair if both are given; `schema_drop` keys of tools and their schemas.

    Said differently: `renames` are members under another name (the new name wins if both are given), `values`
    replaces values of members, `ranges` are the nearest values that are taken, `defaults` are sent where the caller
    says nothing and `forced` always. `narrows_named_tool` is the `tool_choice` sent for a named one, with that tool
    alone; `tool_nudge` a last user message that stands for `tool_choice: required`. `takes_top_k` says that the vendor
    has `top_k`, which OpenAI has not, for callers of other dialects. `tool_name_limit` shortens names
    of tools, `inlines_refs` puts `$defs` where schemas refer to them, `json_by_tool` asks models for a JSON schema
    through a tool. `thinking` is how it is asked for, see `thinking.py`; the first of `efforts` that
    matches counts, and the nearest effort is sent for one that is not among them.

    Replies: `repairs_finish` mends an empty finish reason, `splits_content` content in parts and `splits_thoughts`
    text in `<think>`, `cites` makes annotations of the sources that `[1]` refers to, `completes_as_chat` says that
    completions are answered as chats are, `int8_vectors` that vectors are Base64 of bytes. `usage_at` is where streams
    state their usage, `results_at` where a rerank has its results.
    """

    name: str
    base_url: str | None = None
    api_key_env: tuple[str, ...] | None = None
    api_base_env: tuple[str, ...] | None = None
    key_required: bool = True
    aliases: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ("chat",)
    responses: bool = False
    messages_api: str = ""
    searches_by_responses: bool = False
    paths: Mapping[Operation, str] = field(default_factory=dict)
    addresses: Mapping[Operation, str] = field(default_factory=dict)
    dialects: Mapping[Operation, Dialect] = field(default_factory=dict)
    nameless: frozenset[Operation] = frozenset()
    draws: Drawing | None = None
    results_at: str = "results"
    base_edits: tuple[Edit, ...] = ()
    place: Edit | None = None
    model_edit: Edit | None = None
    env_headers: Mapping[str, str] = field(default_factory=dict)
    keeps_cache_control: bool = False
    knows_developer: bool = False
    renames: Mapping[str, str] = field(default_factory=lambda: MAX_TOKENS)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    forced: Mapping[str, Any] = field(default_factory=dict)
    narrows_named_tool: str | None = None
    tool_nudge: str = ""
    takes_top_k: bool = False
    tool_name_limit: int | None = None
    exclusive: tuple[tuple[str, str], ...] = ()
    thinking: Thinking = ""
    efforts: tuple[Efforts, ...] = ()
    unsupported: frozenset[str] = frozenset()
    hints: frozenset[str] = frozenset()
    gates: tuple[Gate, ...] = ()
    refused_values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    schema_drop: frozenset[str] = frozenset()
    inlines_refs: bool = False
    json_by_tool: re.Pattern[str] | None = None
    messages: Messages = PLAIN_MESSAGES
    repairs_finish: bool = False
    splits_content: bool = False
    splits_thoughts: bool = False
    cites: bool = False
    completes_as_chat: bool = False
    int8_vectors: bool = False
    usage_at: tuple[str | int, ...] = ()

    @property
    def looks_at(self) -> frozenset[str] | None:
        """The members of a chat that the row has a word on; None when it looks at every request."""
        always = self.model_edit or self.defaults or self.forced or self.tool_name_limit
        if always or self.messages != PLAIN_MESSAGES:
            return None
        known = {*self.renames, *self.values, *self.ranges, *self.refused_values, *chain(*self.exclusive)}
        known |= {*chain(*(gate.members for gate in self.gates))}
        known |= {"thinking", "reasoning_effort"} if self.thinking or self.efforts else set()
        known |= {"tool_choice"} if self.narrows_named_tool or self.tool_nudge else set()
        known |= {"tools"} if self.schema_drop or self.inlines_refs else set()
        return frozenset(known | ({"response_format"} if self.json_by_tool else set()))

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The environment variables of the key, asked in order."""
        return (f"{self._variable}_API_KEY",) if self.api_key_env is None else self.api_key_env

    @property
    def base_variables(self) -> tuple[str, ...]:
        """The environment variables of the address, asked in order."""
        return (f"{self._variable}_API_BASE",) if self.api_base_env is None else self.api_base_env

    @property
    def _variable(self) -> str:
        return self.name.upper().replace("-", "_")
