"""Picks where the calls of a command go, from what the command line says and what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from nova_core.cli.configuration import find_config, read_config
from nova_core.cli.failures import UsageError
from nova_core.cli.listing import ModelRow, configured_models, offered_models
from nova_core.cli.remote import Remote
from nova_core.cli.session import Session
from nova_core.cli.target import InProcess
from nova_core.errors import NovaError
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.library import Library, LoopThread
from nova_core.gateway.runtime import build_runtime

DEFAULT_URL = "http://127.0.0.1:4000"


@dataclass(frozen=True, slots=True)
class Where:
    """What the command line says about where calls go."""

    url: str | None = None
    key: str | None = None
    config: Path | None = None
    in_process: bool = False

    @property
    def is_open(self) -> bool:
        """Nothing was said: a running gateway is looked for."""
        return self.url is None and self.config is None and not self.in_process


def open_session(where: Where, model: str | None) -> Session:
    """The gateway that was named, one that answers at the usual address, the configuration, or provider/model alone.

    Raises UsageError when there is nothing to call, ConfigError for a configuration that cannot be used.
    """
    if where.url is not None and (where.config is not None or where.in_process):
        raise UsageError("--url calls a running gateway; --config and --in-process need none: give one of them")
    thread = LoopThread()
    if where.url is not None:
        return Session(Remote(where.url, where.key), thread)
    if where.is_open and (running := _running(thread, where.key, model)) is not None:
        return Session(running, thread)
    path = find_config(where.config)
    if path is not None:
        runtime = build_runtime(read_config(path))
        rows = configured_models(runtime, str(path))
        if where.config is not None or model is None or "/" not in model or serves(rows, model):
            gateway = Gateway(runtime)
            thread.run(gateway.start())
            return Session(InProcess(gateway, rows, label=str(path)), thread)
    if model is None or "/" not in model:
        hint = "`nova init` writes a configuration, `nova serve` starts a gateway"
        raise UsageError(_nothing_to_call(model), hint=hint)
    thread.stop()
    library = Library()
    return Session(InProcess(library, (), label="this process"), library.thread)


def ask_gateway(
    url: str | None,
    key: str | None,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] = {},
) -> dict[str, Any]:
    """One question to a running gateway, by default the one at the usual address. Raises NovaError."""
    remote, thread = Remote(url or DEFAULT_URL, key), LoopThread()
    try:
        return thread.run(remote.document(method, path, body=body, headers=headers))
    finally:
        thread.run(remote.aclose())
        thread.stop()


def serves(rows: Sequence[ModelRow], model: str) -> bool:
    """Whether the name is listed, or a listed pattern takes it."""
    return any(row.name == model or ("*" in row.name and fnmatchcase(model, row.name)) for row in rows)


def _running(thread: LoopThread, key: str | None, model: str | None) -> Remote | None:
    """The gateway at the usual address, unless provider/model is asked for and it does not serve that."""
    remote = Remote(DEFAULT_URL, key)
    if thread.run(remote.answers()):
        if model is None or "/" not in model:
            return remote
        try:
            if serves(thread.run(remote.models()), model):
                return remote
        except NovaError:
            pass  # it does not talk to us; provider/model needs no gateway
    thread.run(remote.aclose())
    return None


def _nothing_to_call(model: str | None) -> str:
    offered = [row.name for row in offered_models() if row.can_chat]
    named = f"'{model}' is not provider/model" if model else "no model is named"
    choice = f" (installed: {', '.join(offered)})" if offered else ""
    return f"{named}, no gateway answers at {DEFAULT_URL}, and there is no configuration file{choice}"
