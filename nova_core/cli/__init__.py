"""The command line: `nova serve`, `nova chat`, `nova check`, …"""

from __future__ import annotations


def main() -> None:
    """Entry point of the `nova` script. Exit codes: 0 done, 1 a problem, 2 wrong usage, 130 interrupted."""
    from nova_core.cli.app import make_app

    make_app()(prog_name="nova")
