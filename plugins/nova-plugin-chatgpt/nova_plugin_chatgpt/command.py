"""`nova chatgpt-login`: a login by device, from a terminal on the machine of the gateway."""

from __future__ import annotations

import os
import time
from typing import Annotated, Final

import typer

from nova_core.errors import AuthenticationError
from nova_plugin_chatgpt.auth_file import AuthFile, auth_path
from nova_plugin_chatgpt.login import AUTH_BASE
from nova_plugin_chatgpt.service import ISSUER, DeviceCode, LoginService
from nova_plugin_chatgpt.tokens import Tokens

PATIENCE: Final = 15 * 60.0
"""Seconds for which a code can be entered."""


def login(
    folder: Annotated[
        str | None, typer.Option("--token-dir", help="Where the login is kept (else CHATGPT_TOKEN_DIR).")
    ] = None,
    name: Annotated[str | None, typer.Option("--auth-file", help="Its file (else CHATGPT_AUTH_FILE).")] = None,
) -> None:
    """Log in at ChatGPT, for deployments of `chatgpt/`."""
    service = LoginService((os.environ.get(AUTH_BASE, "").strip() or ISSUER).rstrip("/"))
    file = AuthFile(auth_path(folder, name, os.environ))
    code = service.device_code()
    typer.echo(f"Open {service.page} in a browser, log in, and enter this code: {code.code}")
    typer.echo("It is good for 15 minutes. Give it to nobody: who enters it lends you an account.")
    tokens = _awaited(service, code)
    with file.locked():
        file.keep(tokens)
    typer.echo(f"Logged in. The login is kept in {file.path}")


def _awaited(service: LoginService, code: DeviceCode) -> Tokens:
    """The tokens, as soon as somebody has entered the code. Raises AuthenticationError when nobody does."""
    until = time.monotonic() + PATIENCE
    while (tokens := service.login(code)) is None:
        if time.monotonic() >= until:
            raise AuthenticationError("nobody has entered the code in time")
        time.sleep(code.interval)
    return tokens
