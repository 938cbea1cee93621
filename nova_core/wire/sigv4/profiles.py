"""AWS's shared files `config` and `credentials`, in which profiles stand."""

# https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from configparser import ConfigParser, Error
from pathlib import Path

from nova_core.errors import ConfigurationError


class SharedFiles:
    """The files that the environment names, or those in the home directory; each is read once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        home = environ.get("HOME")
        self._folder = Path(home, ".aws") if home else None
        self._paths = {
            "config": environ.get("AWS_CONFIG_FILE"),
            "credentials": environ.get("AWS_SHARED_CREDENTIALS_FILE"),
        }
        self._read: dict[str, ConfigParser] = {}

    def profile(self, name: str) -> Mapping[str, str]:
        """What both files say of a profile, empty where there is none. Raises ConfigurationError."""
        section = name if name == "default" else f"profile {name}"
        return {**self._section("config", section), **self._section("credentials", name)}

    def stored(self, name: str) -> Mapping[str, str]:
        """What the file `credentials` alone says of a profile. Raises ConfigurationError."""
        return self._section("credentials", name)

    def session(self, name: str) -> Mapping[str, str]:
        """A sign-on session that profiles share. Raises ConfigurationError."""
        return self._section("config", f"sso-session {name}")

    def sign_on_token(self, name: str) -> Path | None:
        """Where `aws sso login` leaves the token of a session, or of a start address."""
        if self._folder is None:
            return None
        # The file's name is a digest by agreement; it protects nothing.
        digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
        return self._folder / "sso" / "cache" / f"{digest}.json"

    def _section(self, kind: str, section: str) -> Mapping[str, str]:
        file = self._file(kind)
        return dict(file[section]) if file.has_section(section) else {}

    def _file(self, kind: str) -> ConfigParser:
        if kind in self._read:
            return self._read[kind]
        stated = self._paths[kind]
        path = Path(stated).expanduser() if stated else self._folder / kind if self._folder is not None else None
        file = ConfigParser(interpolation=None)
        if path is not None:
            try:
                file.read(path, encoding="utf-8")
            except (Error, OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"AWS's shared file {path} cannot be read: {type(error).__name__}") from error
        self._read[kind] = file
        return file
