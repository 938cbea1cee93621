"""`nova route`: what would be decided about a request, without calling anyone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nova_core.cli.choices import KeyOption, UrlOption
from nova_core.cli.configuration import ConfigOption, find_config, read_config
from nova_core.cli.failures import PROBLEM, UsageError
from nova_core.cli.output import print_json


def route(
    request: Annotated[Path, typer.Argument(metavar="REQUEST.json", help="The body of a request; - for stdin.")],
    config: ConfigOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    path: Annotated[
        str | None, typer.Option("--route", metavar="PATH", help="Path that it is for, such as /v1/responses.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="NAME:VALUE", help="A header of the request. Repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Show how a request would be routed: candidates, order, fallbacks, refusals.

    Asks a running gateway, which knows what rests and what is busy; with --config this process decides, and nothing
    rests. Exit code 1 when the request would be refused.
    """
    from nova_core.cli.decisions import print_decision

    if config is not None and url is not None:
        raise UsageError("--url asks a running gateway, --config needs none: give one of them")
    body = _read(request)
    headers = dict(map(_pair, header or ()))
    record = _here(config, body, headers, path) if config is not None else _there(url, key, body, headers, path)
    if as_json:
        print_json(record)
    else:
        print_decision(record)
    if record.get("failure"):
        raise typer.Exit(PROBLEM)


def _read(request: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(request) == "-" else request.read_bytes()
    except OSError as error:
        raise UsageError(f"{request} cannot be read: {error.strerror}") from error


def _pair(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"--header {text!r} is not NAME:VALUE")
    return name.strip().lower(), value.strip()


def _there(url: str | None, key: str | None, body: bytes, headers: dict[str, str], path: str | None) -> dict[str, Any]:
    from urllib.parse import quote

    from nova_core.cli.opening import ask_gateway

    query = f"?route={quote(path)}" if path else ""
    return ask_gateway(url, key, "POST", f"/route/explain{query}", body=body, headers=headers)


def _here(config: Path, body: bytes, headers: dict[str, str], path: str | None) -> dict[str, Any]:
    import asyncio

    from nova_core.gateway.deciding import decide_now, start_deciding
    from nova_core.gateway.runtime import build_runtime
    from nova_core.gateway.why import as_json, decision_of
    from nova_core.server.explaining import asked_call
    from nova_core.server.serving import compile_edge
    from nova_core.types.principal import ANONYMOUS

    found = find_config(config)
    assert found is not None
    runtime = build_runtime(read_config(found))
    call = asked_call(compile_edge(runtime), body, headers=headers, principal=ANONYMOUS, path=path)
    gateway = asyncio.run(start_deciding(runtime))
    return as_json(decision_of(decide_now(gateway, call)))
