"""The command line: `nova serve`, `nova chat`, `nova check`, …"""

from __future__ import annotations

import gc


def main() -> None:
    """Entry point of the `nova` script. Exit codes: 0 done, 1 a problem, 2 wrong usage, 130 interrupted."""
    gc.disable()  # what is imported stays: looking for garbage among it is a fifth of the time
    from nova_core.cli.app import make_app

    app = make_app()
    gc.enable()
    app(prog_name="nova")
