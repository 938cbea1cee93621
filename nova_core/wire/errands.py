"""Credentials that live on this machine: files that others renew, and programs that print."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from nova_core.errors import AuthenticationError, ConfigurationError
from nova_core.types.secret import Secret
from nova_core.types.upstream import Errand
from nova_core.wire.steps import Steps

PROGRAM_TIMEOUT: Final = 30.0
NAMED: Final = "oidc/"
"""Begins what names an identity token, and where it is."""


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A token of another identity provider: its text, or the file in which it is renewed."""

    text: Secret | None = None
    file: str | None = None

    def steps(self) -> Steps[str]:
        """The token, read anew from its file each time. Raises AuthenticationError."""
        if self.text is not None:
            yield from ()
            return self.text.reveal()
        response = yield reading(self.file or "")
        return response.body.decode("utf-8", "replace").strip()


def identity_token(given: str, environ: Mapping[str, str]) -> IdentityToken:
    """A token, the path of its file, or `oidc/file/PATH`, `oidc/env/NAME`, `oidc/env_path/NAME`.

    Raises ConfigurationError for another name, and for a variable that is not set.
    """
    if given.startswith("/"):
        return IdentityToken(file=given)
    if not given.startswith(NAMED):
        return IdentityToken(text=Secret(given))
    kind, _, rest = given.removeprefix(NAMED).partition("/")
    stated = environ.get(rest, "")
    if kind == "file" and rest:
        return IdentityToken(file=f"/{rest.lstrip('/')}")
    if kind == "env" and stated:
        return IdentityToken(text=Secret(stated))
    if kind == "env_path" and stated:
        return IdentityToken(file=stated)
    raise ConfigurationError(
        f"there is no identity token `{NAMED}{kind}/…`: give a token, a file, `oidc/env/NAME` or `oidc/env_path/NAME`"
    )


def reading(path: str) -> Errand:
    """Reads a file. Raises AuthenticationError when it cannot."""
    return Errand(f"file:{path}", run=partial(_content, path))


def running(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Errand:
    """Runs a program; the answer is what it prints. Raises AuthenticationError when it fails, or takes too long."""
    return Errand("program", run=partial(_output, tuple(command), environ))


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise AuthenticationError(f"the file with a token cannot be read: {error.strerror}") from error


def _output(command: tuple[str, ...], environ: Mapping[str, str] | None) -> bytes:
    """What a program prints; what it prints as an error may hold secrets, and is not told."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROGRAM_TIMEOUT, check=False, env=environ)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise AuthenticationError(f"the program for credentials cannot be run: {type(error).__name__}") from error
    if done.returncode != 0:
        raise AuthenticationError(f"the program for credentials ended with {done.returncode}")
    return done.stdout
