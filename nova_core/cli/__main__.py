"""`python -m nova_core.cli`: the same as `nova`."""

from __future__ import annotations

from nova_core.cli import main

main()
