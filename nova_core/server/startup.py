"""From the options of `nova serve` to a checked configuration, a safe address and open sockets."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from nova_core.config.check import read_settings
from nova_core.config.environment import apply_environment, read_dotenv
from nova_core.config.loader import LoadedConfig, load, loads
from nova_core.config.schema import Settings
from nova_core.errors import ConfigurationError
from nova_core.gateway.runtime import Runtime, build_runtime
from nova_core.server.serving import Edge, compile_edge

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
MOST_FILES = 1_048_576
YOUNG_OBJECTS = 20_000
OLDER = (10, 5)
"""How many collections of a generation of objects make one of the next."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `nova serve` was asked for. `models` are `provider/model` names to serve without a file.

    `host` None means the loopback for a gateway without keys, every address for one with keys. Port 0 takes a free
    one. What is given here goes before the configuration. `record` is the folder that decisions are recorded to, which
    holds `record_mb` MiB at most.
    """

    config: Path | None = None
    host: str | None = None
    port: int = 4000
    workers: int = 1
    models: tuple[str, ...] = ()
    log_level: str | None = None
    reload_config: bool = False
    root_path: str | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_keyfile_password: str | None = field(default=None, repr=False)
    record: Path | None = None
    record_bodies: bool = False
    record_mb: int = 1024
    env_file: Path = Path(".env")


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for https; the password opens the key."""

    certfile: str
    keyfile: str | None
    password: str | None = field(default=None, repr=False)


def load_environment(options: ServeOptions) -> None:
    """Set what the `.env` file gives and the environment does not have. Raises ConfigError."""
    if options.env_file.is_file():
        for name, value in read_dotenv(options.env_file).items():
            os.environ.setdefault(name, value)


def load_config(options: ServeOptions) -> LoadedConfig:
    """The file, or one made of `models`. Raises ConfigurationError."""
    if options.config is not None:
        return load(options.config)
    if not options.models:
        raise ConfigurationError("nothing to serve: give --config FILE or --model provider/model")
    models = [{"model_name": name, "litellm_params": {"model": name}} for name in options.models]
    return loads(json.dumps({"model_list": models}), "<models>")


def runtime_of(loaded: LoadedConfig, options: ServeOptions) -> Runtime:
    """The compiled configuration, checked to be safe to serve. Raises ConfigurationError."""
    settings = read_settings(loaded)
    apply_environment(settings, os.environ)
    runtime = build_runtime(settings)
    host_for(compile_edge(runtime), options)
    return runtime


def host_for(edge: Edge, options: ServeOptions) -> str:
    """Where to listen. Raises ConfigurationError when that would open a gateway without keys to the network."""
    if not edge.keyring.is_open:
        return options.host or EVERYWHERE
    host = options.host or LOOPBACK
    if not is_loopback(host):
        raise ConfigurationError(
            f"without keys this gateway listens on the loopback only, not on {host}: "
            "set general_settings.master_key (write os.environ/NAME), or leave --host out"
        )
    return host


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tls_for(settings: Settings, options: ServeOptions) -> Tls | None:
    """Files for https, None for http. Raises ConfigurationError when one of them cannot be read."""
    configured = settings.general.tls
    if options.ssl_keyfile is not None and options.ssl_certfile is None:
        raise ConfigurationError("--ssl-keyfile is given without --ssl-certfile: https needs both")
    if options.ssl_certfile is not None:
        key = str(options.ssl_keyfile) if options.ssl_keyfile is not None else None
        tls = Tls(str(options.ssl_certfile), key, options.ssl_keyfile_password)
    elif configured is not None:
        password = configured.key_password
        tls = Tls(configured.cert_file, configured.key_file, password.get_secret_value() if password else None)
    else:
        return None
    for path in (tls.certfile, tls.keyfile):
        if path is not None and not Path(path).is_file():
            raise ConfigurationError(f"the TLS file {path} cannot be read")
    _try_out(tls)
    return tls


def _try_out(tls: Tls) -> None:
    """Load the files once, so that a wrong one is named here. Without a password OpenSSL would ask the terminal."""

    def password() -> str:
        if tls.password is None:
            raise ConfigurationError(
                f"the TLS key in {tls.keyfile or tls.certfile} is encrypted: set general_settings.tls.key_password, "
                "or NOVA_SSL_KEYFILE_PASSWORD"
            )
        return tls.password

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certfile, tls.keyfile, password)
    except (ssl.SSLError, OSError) as error:
        files = " and ".join(path for path in (tls.certfile, tls.keyfile) if path is not None)
        raise ConfigurationError(
            f"the TLS files {files} are not a certificate chain and its private key in PEM, or the password is wrong"
        ) from error


def settle_memory() -> None:
    """Call when everything is loaded: what stays for ever is no longer walked by the garbage collector.

    A call makes hundreds of short-lived objects and hardly a cycle, so the youngest generation may be large. The
    older ones are looked through soon after: what ends as a cycle while calls are under way has got that far, and all
    that is there is those calls. The collector is on from here: a start that imports hundreds of modules is a third
    faster without it.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *OLDER)
    with suppress(AttributeError, OSError, TypeError):  # other C libraries than glibc have nothing like it
        ctypes.CDLL(None).malloc_trim(0)  # what a start takes and frees would stay with the process


def raise_file_limit() -> None:
    """Allow as many open files as this process may have: a socket each for caller and upstream."""
    try:
        import resource
    except ImportError:  # there is no such limit on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
