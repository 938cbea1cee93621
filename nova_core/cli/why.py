"""`nova why`: what was decided about a call, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from nova_core.cli.choices import KeyOption, UrlOption
from nova_core.cli.output import print_json


def why(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="From the answer's x-nova-call-id, or the log.")],
    url: UrlOption = None,
    key: KeyOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Show what a running gateway decided about one of its last calls, and why.

    Candidates, who left whom out, the order, attempts, and what plugins noted. The master key sees all calls.
    """
    from nova_core.cli.decisions import print_decision
    from nova_core.cli.opening import ask_gateway

    record = ask_gateway(url, key, "GET", f"/v1/calls/{call_id}/why")
    if as_json:
        print_json(record)
    else:
        print_decision(record)
