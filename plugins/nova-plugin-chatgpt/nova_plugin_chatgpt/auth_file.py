"""The file of a login: read, and replaced as a whole, by its owner alone."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from nova_core.errors import AuthenticationError
from nova_core.wire.body import NOT_JSON
from nova_plugin_chatgpt.tokens import Tokens, members_with, tokens_in

FOLDER: Final = "CHATGPT_TOKEN_DIR"
NAME: Final = "CHATGPT_AUTH_FILE"
USUAL_FOLDER: Final = "~/.config/nova/chatgpt"
USUAL_NAME: Final = "auth.json"


def auth_path(folder: str | None, name: str | None, environ: Mapping[str, str]) -> str:
    """Where a login is: what the deployment says, else the environment, else in the home of who runs this."""
    folder = folder or environ.get(FOLDER, "").strip() or USUAL_FOLDER
    name = name or environ.get(NAME, "").strip() or USUAL_NAME
    return str(Path(folder).expanduser() / Path(name).expanduser())


@dataclass(frozen=True, slots=True)
class AuthFile:
    """The file at `path`. Raises AuthenticationError where it cannot be read or written."""

    path: str

    def tokens(self) -> Tokens | None:
        """The login; None where nobody has logged in."""
        return tokens_in(self._members())

    def keep(self, tokens: Tokens) -> None:
        """Write the tokens, with what else the file holds; whoever reads sees the file before or after, never half."""
        place = Path(self.path)
        try:
            before = self._members()
        except AuthenticationError:
            before = {}  # what cannot be read is replaced
        body = msgspec.json.format(msgspec.json.encode(members_with(tokens, before)))
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)  # readable by its owner alone
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, place)
            except BaseException:
                os.unlink(draft)
                raise
        except OSError as error:
            raise self._unusable("written", error) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else renew the login meanwhile, in this process or another one of this machine."""
        try:
            Path(self.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable("written", error) from error
        try:
            _lock(handle)
            yield
        finally:
            os.close(handle)

    def _members(self) -> Mapping[str, Any]:
        try:
            found = msgspec.json.decode(Path(self.path).read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable("read", error) from error
        except NOT_JSON as error:
            raise AuthenticationError("the file of the login is not JSON", hint=self.path) from error
        return found if isinstance(found, Mapping) else {}

    def _unusable(self, done: str, error: OSError) -> AuthenticationError:
        return AuthenticationError(f"the file of the login cannot be {done}: {error.strerror}", hint=self.path)


def _lock(handle: int) -> None:
    try:
        import fcntl
    except ImportError:  # a system without: there the processes of one machine are not kept apart
        return
    fcntl.flock(handle, fcntl.LOCK_EX)
