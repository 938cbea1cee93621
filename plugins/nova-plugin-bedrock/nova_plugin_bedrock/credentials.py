"""Where keys come from: the deployment, the environment, or a profile in AWS's shared files."""

# https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html and …/environment-variables.html

from __future__ import annotations

from collections.abc import Mapping
from configparser import ConfigParser, Error
from pathlib import Path
from typing import Any, Final

from nova_core.errors import ConfigurationError
from nova_core.types.secret import Secret
from nova_plugin_bedrock.sigv4 import Keys

ACCESS_KEY: Final = "aws_access_key_id"
SECRET_KEY: Final = "aws_secret_access_key"
SESSION_TOKEN: Final = "aws_session_token"
PROFILE: Final = "aws_profile_name"
REGION: Final = "aws_region_name"
REGION_ENV: Final = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
DEFAULT_REGION: Final = "us-west-2"
NOT_SERVED: Final = ("aws_role_name", "aws_web_identity_token")
"""Settings that ask for credentials of another role."""


class Sources:
    """What is said in one deployment's settings, in the environment, and in the files of its profile."""

    def __init__(self, settings: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self.profile = _text(settings, PROFILE) or environ.get("AWS_PROFILE") or "default"

    @property
    def stated(self) -> bool:
        """Whether the deployment itself says which keys to use."""
        return any(_text(self._settings, name) for name in (ACCESS_KEY, PROFILE))

    def keys(self) -> Keys | None:
        """The deployment's own keys, those of its profile, the environment's, those of the environment's profile.

        Raises ConfigurationError for half of a pair, and for a profile without keys.
        """
        if (own := _keys(self._settings)) is not None:
            return own
        if _text(self._settings, PROFILE):
            return self._of_profile()
        environment = _keys({name: self._environ.get(name.upper()) for name in (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN)})
        return environment or self._of_profile()

    def region(self) -> str:
        """The deployment's, the environment's, that of the profile, or the default."""
        stated = [self._environ.get(name) for name in REGION_ENV]
        known = [_text(self._settings, REGION), *stated, self._profile("config").get("region")]
        return next((region for region in known if region), DEFAULT_REGION)

    def _of_profile(self) -> Keys | None:
        found = _keys({**self._profile("config"), **self._profile("credentials")})
        if found is None and _text(self._settings, PROFILE):
            raise ConfigurationError(f"the profile `{self.profile}` has no access key in AWS's shared files")
        return found

    def _profile(self, kind: str) -> Mapping[str, str]:
        """The profile's part of the file `config` or `credentials`; empty without one."""
        variable = "AWS_CONFIG_FILE" if kind == "config" else "AWS_SHARED_CREDENTIALS_FILE"
        home = self._environ.get("HOME")
        path = self._environ.get(variable) or (f"{home}/.aws/{kind}" if home else None)
        if path is None:
            return {}
        file = ConfigParser(interpolation=None)
        try:
            file.read(Path(path).expanduser(), encoding="utf-8")
        except (Error, OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"AWS's shared file {path} cannot be read: {type(error).__name__}") from error
        section = self.profile if kind == "credentials" or self.profile == "default" else f"profile {self.profile}"
        return dict(file[section]) if file.has_section(section) else {}


def keys_in(settings: Mapping[str, Any]) -> Keys | None:
    """The keys of a completed deployment."""
    return _keys(settings)


def _keys(found: Mapping[str, Any]) -> Keys | None:
    access, secret, token = (_text(found, name) for name in (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN))
    if access is None and secret is None:
        return None
    if access is None or secret is None:
        raise ConfigurationError(f"`{ACCESS_KEY}` and `{SECRET_KEY}` must both be given")
    return Keys(access, Secret(secret), Secret(token) if token else None)


def _text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    if isinstance(value, Secret):
        value = value.reveal()
    return value.strip() or None if isinstance(value, str) else None
