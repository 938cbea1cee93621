"""Whose keys sign for a deployment: its own settings, the environment, a profile, or what the machine has."""

# https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html (order), …/environment-variables.html

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from nova_core.errors import ConfigurationError
from nova_core.types.secret import Secret
from nova_core.wire.errands import IdentityToken, identity_token
from nova_core.wire.sigv4.profiles import SharedFiles
from nova_core.wire.sigv4.signature import Keys
from nova_core.wire.sigv4.sources import (
    LIFETIME,
    AssumedRole,
    Container,
    Instance,
    KeySource,
    Program,
    Role,
    SignedOn,
    StaticKeys,
    WebIdentity,
)

ACCESS_KEY: Final = "aws_access_key_id"
SECRET_KEY: Final = "aws_secret_access_key"
SESSION_TOKEN: Final = "aws_session_token"
PROFILE: Final = "aws_profile_name"
ROLE: Final = "aws_role_name"
WEB_IDENTITY: Final = "aws_web_identity_token"
REGION: Final = "aws_region_name"
SESSION_NAME, EXTERNAL_ID, STS = "aws_session_name", "aws_external_id", "aws_sts_endpoint"
CHOICES: Final = (PROFILE, ROLE, WEB_IDENTITY)
"""Settings that say where keys come from."""
SETTINGS: Final = (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, REGION, SESSION_NAME, EXTERNAL_ID, STS, *CHOICES)
REGION_ENV: Final = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
DEFAULT_REGION: Final = "us-west-2"
DEFAULT_SESSION: Final = "nova"
CONTAINER_HOST: Final = "http://169.254.170.2"
CONTAINER_HOSTS: Final = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost")
INSTANCE_HOST: Final = "http://169.254.169.254"
INSTANCE_ENV: Final = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
MACHINE: Final = Path("/sys/devices/virtual/dmi/id")
"""Where Linux says whose the machine is."""


class Chooser:
    """What one deployment's settings, the environment, and the shared files say."""

    def __init__(self, settings: Mapping[str, Any], environ: Mapping[str, str], machine: Path = MACHINE) -> None:
        self._settings = settings
        self._environ = environ
        self._files = SharedFiles(environ)
        self._machine = machine
        self._profile = said(settings, PROFILE) or environ.get("AWS_PROFILE") or "default"
        self._region = ""

    @property
    def stated(self) -> bool:
        """Whether the deployment itself says which keys to use."""
        return any(said(self._settings, name) for name in (ACCESS_KEY, *CHOICES))

    def region(self) -> str:
        """The deployment's, the environment's, that of the profile, or the default."""
        stated = [self._environ.get(name) for name in REGION_ENV]
        known = [said(self._settings, REGION), *stated, self._files.profile(self._profile).get("region")]
        return next((region for region in known if region), DEFAULT_REGION)

    def source(self, region: str) -> KeySource | None:
        """Where keys come from; roles are assumed in `region`. None when nobody says.

        Raises ConfigurationError for half of a pair, a profile without keys, and a role that nobody can assume.
        """
        self._region = region
        settings, environ = self._settings, self._environ
        role, identity = said(settings, ROLE), said(settings, WEB_IDENTITY)
        session, external = said(settings, SESSION_NAME), said(settings, EXTERNAL_ID)
        if identity is not None:
            if role is None:
                raise ConfigurationError(f"`{WEB_IDENTITY}` needs `{ROLE}`")
            return WebIdentity(identity_token(identity, self._environ), self._role(role, session))
        own = keys_in(settings)
        if role is not None and own is None and role == environ.get("AWS_ROLE_ARN") and not said(settings, PROFILE):
            # What the environment would assume already is not assumed twice.
            return self._of_environment_identity(session) or self._assumed(role, session, external)
        if role is not None:
            return self._assumed(role, session, external, own)
        return StaticKeys(own) if own is not None else self._found()

    def _assumed(
        self, role: str, session: str | None, external: str | None = None, own: Keys | None = None
    ) -> KeySource:
        base = StaticKeys(own) if own is not None else self._found()
        if base is None:
            raise ConfigurationError(f"`{ROLE}` needs keys that may assume the role, and there are none")
        return AssumedRole(base, self._role(role, session, external))

    def _found(self) -> KeySource | None:
        """The keys of the deployment's profile, else the first that the environment and the machine have."""
        if said(self._settings, PROFILE):
            found = self._of_profile(self._profile)
            if found is None:
                raise ConfigurationError(f"the profile `{self._profile}` has no keys in AWS's shared files")
            return found
        return (
            self._of_environment()
            or self._of_environment_identity()
            or self._of_profile(self._profile)
            or self._of_container()
            or self._of_instance()
        )

    def _of_environment(self) -> KeySource | None:
        keys = keys_in({name: self._environ.get(name.upper()) for name in (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN)})
        return StaticKeys(keys) if keys is not None else None

    def _of_environment_identity(self, session: str | None = None) -> KeySource | None:
        role, file = self._environ.get("AWS_ROLE_ARN"), self._environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        if not role or not file:
            return None
        return WebIdentity(
            IdentityToken(file=file), self._role(role, session or self._environ.get("AWS_ROLE_SESSION_NAME"))
        )

    def _of_container(self) -> KeySource | None:
        relative = self._environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        url = CONTAINER_HOST + relative if relative else self._environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not url:
            return None
        if not _keeps_secrets(url):
            raise ConfigurationError("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or an address of this machine")
        token = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        file = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        return Container(url, Secret(token) if token and not file else None, file)

    def _of_instance(self) -> KeySource | None:
        """The machine's role, where it is a machine of Amazon's: elsewhere nobody would answer."""
        if self._environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            return None
        if self._environ.get(INSTANCE_ENV) or _is_amazons(self._machine):
            return self._instance()
        return None

    def _instance(self) -> Instance:
        return Instance((self._environ.get(INSTANCE_ENV) or INSTANCE_HOST).rstrip("/"))

    def _of_profile(self, name: str, seen: tuple[str, ...] = ()) -> KeySource | None:
        profile = self._files.profile(name)
        if role := profile.get("role_arn"):
            return self._of_profiles_role(name, role, profile, seen)
        if (account := profile.get("sso_account_id")) and (signed_on := profile.get("sso_role_name")):
            return self._signed_on(name, account, signed_on, profile)
        if (keys := keys_in(self._files.stored(name))) is not None:
            return StaticKeys(keys)
        if command := profile.get("credential_process"):
            return _program(command)
        return StaticKeys(keys) if (keys := keys_in(profile)) is not None else None

    def _of_profiles_role(self, name: str, arn: str, profile: Mapping[str, str], seen: tuple[str, ...]) -> KeySource:
        seconds = profile.get("duration_seconds", "")
        role = self._role(arn, profile.get("role_session_name"), profile.get("external_id"), seconds)
        if file := profile.get("web_identity_token_file"):
            return WebIdentity(IdentityToken(file=file), role)
        base: KeySource | None = None
        match profile.get("credential_source"), profile.get("source_profile"):
            case "Environment", None:
                base = self._of_environment()
            case "EcsContainer", None:
                base = self._of_container()
            case "Ec2InstanceMetadata", None:
                base = self._instance()
            case None, str(other) if other == name and (keys := keys_in(profile)) is not None:
                base = StaticKeys(keys)
            case None, str(other) if other not in (*seen, name):
                base = self._of_profile(other, (*seen, name))
        if base is None:
            raise ConfigurationError(f"the profile `{name}` has no keys that may assume its role")
        return AssumedRole(base, role)

    def _signed_on(self, name: str, account: str, role: str, profile: Mapping[str, str]) -> KeySource:
        session = profile.get("sso_session")
        stated = {**profile, **self._files.session(session)} if session else profile
        file = self._files.sign_on_token(session or stated.get("sso_start_url", ""))
        region = stated.get("sso_region")
        if file is None or not region:
            raise ConfigurationError(f"the profile `{name}` has no `sso_region`, or there is no home directory")
        stated_host = self._environ.get("AWS_ENDPOINT_URL_SSO", "").rstrip("/")
        return SignedOn(stated_host or f"https://portal.sso.{region}.amazonaws.com", account, role, str(file))

    def _role(self, arn: str, session: str | None, external: str | None = None, seconds: str = "") -> Role:
        stated = said(self._settings, STS) or self._environ.get("AWS_ENDPOINT_URL_STS")
        sts = stated or f"https://sts.{self._region}.{domain_of(self._region)}"
        life = int(seconds) if seconds.isdigit() else LIFETIME
        return Role(arn, session or DEFAULT_SESSION, sts.rstrip("/") + "/", self._region, external, life)


def keys_in(found: Mapping[str, Any]) -> Keys | None:
    """The pair of keys in settings or a profile. Raises ConfigurationError for half of it."""
    access, secret, token = (said(found, name) for name in (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN))
    if access is None and secret is None:
        return None
    if access is None or secret is None:
        raise ConfigurationError(f"`{ACCESS_KEY}` and `{SECRET_KEY}` must both be given")
    return Keys(access, Secret(secret), Secret(token) if token else None)


def said(found: Mapping[str, Any], name: str) -> str | None:
    """A text among settings; None where it is empty."""
    value = found.get(name)
    if isinstance(value, Secret):
        value = value.reveal()
    return value.strip() or None if isinstance(value, str) else None


def domain_of(region: str) -> str:
    """Under which the services of a region are."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _program(command: str) -> Program:
    try:
        return Program(tuple(shlex.split(command)))
    except ValueError as error:
        raise ConfigurationError(f"`credential_process` cannot be read: {error}") from error


def _keeps_secrets(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host in CONTAINER_HOSTS:
        return True
    try:
        return parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_amazons(machine: Path) -> bool:
    for name in ("sys_vendor", "board_vendor", "bios_vendor", "bios_version"):
        try:
            if "amazon" in (machine / name).read_text(encoding="utf-8", errors="replace").lower():
                return True
        except OSError:
            continue
    return False
