"""`nova serve --record`: what is decided is written down while the gateway runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nova_core.errors import ConfigurationError
from nova_core.gateway.gateway import Gateway
from nova_core.gateway.recorder import MIB, Recorder
from nova_core.server.startup import ServeOptions


@contextmanager
def recording(gateway: Gateway, options: ServeOptions) -> Iterator[None]:
    """Record the calls of `gateway` where the options say so; each process has its own share of the folder.

    Raises ConfigurationError when the folder cannot be made.
    """
    if options.record is None:
        yield
        return
    try:
        recorder = Recorder(options.record, bodies=options.record_bodies, limit=options.record_mb * MIB)
    except OSError as error:
        raise ConfigurationError(f"cannot record to {options.record}: {error.strerror or error}") from error
    gateway.watchers.append(recorder.finished)
    try:
        yield
    finally:
        recorder.close()
