"""`nova serve`: starts the gateway."""

from __future__ import annotations

import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nova_core.cli.choices import RecordBodiesOption, RecordMbOption, RecordOption
from nova_core.cli.configuration import LOOKUP, ConfigOption, find_config
from nova_core.cli.failures import UsageError


class LogLevel(StrEnum):
    """Least important level that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


def serve(
    config: ConfigOption = None,
    host: Annotated[
        str | None,
        typer.Option("--host", envvar="NOVA_HOST", help="Address; all with a master key, 127.0.0.1 without one."),
    ] = None,
    port: Annotated[int, typer.Option("--port", "-p", envvar="NOVA_PORT", help="Port.", min=0, max=65535)] = 4000,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes.", min=1)] = 1,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="Serve provider/model instead of a file. Repeatable.")
    ] = None,
    log_level: Annotated[
        LogLevel | None, typer.Option("--log-level", help="Least important level; the file's, or info.")
    ] = None,
    reload_config: Annotated[bool, typer.Option("--reload-config", help="Reload when the file changes.")] = False,
    root_path: Annotated[str | None, typer.Option("--root-path", help="Path prefix of a reverse proxy.")] = None,
    ssl_certfile: Annotated[Path | None, typer.Option("--ssl-certfile", help="Certificate chain, PEM.")] = None,
    ssl_keyfile: Annotated[Path | None, typer.Option("--ssl-keyfile", help="Private key, PEM.")] = None,
    ssl_keyfile_password: Annotated[
        str | None,
        typer.Option("--ssl-keyfile-password", envvar="NOVA_SSL_KEYFILE_PASSWORD", help="Better in the environment."),
    ] = None,
    record: RecordOption = None,
    record_bodies: RecordBodiesOption = False,
    record_mb: RecordMbOption = 1024,
) -> None:
    """Start the gateway. Without a master key it answers on this machine only."""
    if config is not None and model:
        raise UsageError("--config and --model both say what to serve: give one of them")
    if record_bodies and record is None:
        raise UsageError("--record-bodies says what --record DIR keeps: give that too")
    path = find_config(config) if not model else None
    if path is None and not model:
        raise UsageError(
            f"there is nothing to serve: no --config, no --model, and no file by {LOOKUP}",
            hint="`nova init` writes a configuration to start from",
        )
    gc.disable()  # until everything is loaded; see settle_memory
    from nova_core.server.process import ServeOptions
    from nova_core.server.process import serve as run

    options = ServeOptions(
        config=path,
        host=host,
        port=port,
        workers=workers,
        models=tuple(model or ()),
        log_level=log_level.value if log_level is not None else None,
        reload_config=reload_config,
        root_path=root_path,
        ssl_certfile=ssl_certfile,
        ssl_keyfile=ssl_keyfile,
        ssl_keyfile_password=ssl_keyfile_password,
        record=record,
        record_bodies=record_bodies,
        record_mb=record_mb,
    )
    raise typer.Exit(run(options))
