"""`python -m nova_core.server DESCRIPTOR`: a worker, started by the parent with its end of their channel."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the worker; this process ends here."""
    gc.disable()  # until everything is loaded; see settle_memory
    from nova_core.server import worker

    code = worker.main(int(sys.argv[1]))
    sys.stdout.flush()
    os._exit(code)  # threads of plugins must not keep a drained worker alive


main()
