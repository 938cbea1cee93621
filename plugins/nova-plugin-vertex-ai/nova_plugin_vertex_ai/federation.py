"""How a workload proves who it is, as the file of its credentials says."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from nova_core.errors import ConfigurationError
from nova_core.wire.sigv4.choosing import Chooser
from nova_core.wire.sigv4.sources import Instance
from nova_plugin_vertex_ai.subjects import Kept, Printed, SignedByAws, Subject

ALLOWED: Final = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"
REGIONS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")


def subject_of(info: Mapping[str, Any], environ: Mapping[str, str]) -> Subject:
    """The source that an `external_account` names. Raises ConfigurationError for none, and for one not allowed."""
    source = info.get("credential_source")
    source = source if isinstance(source, Mapping) else {}
    if source.get("environment_id"):
        return _of_aws(source, str(info.get("audience") or ""), environ)
    if isinstance(source.get("executable"), Mapping):
        return _program(source["executable"], info, environ)
    if not source.get("file") and not source.get("url"):
        raise ConfigurationError("vertex_credentials: `credential_source` must name a file, a url or an executable")
    shape = source.get("format")
    shape = shape if isinstance(shape, Mapping) else {}
    return Kept(
        file=source.get("file"),
        url=source.get("url"),
        headers=source.get("headers") or {},
        json_field=shape.get("subject_token_field_name") if shape.get("type") == "json" else None,
    )


def _program(said: Mapping[str, Any], info: Mapping[str, Any], environ: Mapping[str, str]) -> Subject:
    if environ.get(ALLOWED) != "1":
        raise ConfigurationError(f"vertex_credentials: an executable is only run where {ALLOWED} is 1")
    try:
        command = tuple(shlex.split(str(said.get("command") or "")))
    except ValueError as error:
        raise ConfigurationError(f"vertex_credentials: the executable's command cannot be read: {error}") from error
    if not command:
        raise ConfigurationError("vertex_credentials: the executable has no `command`")
    told = {
        "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE": str(info.get("audience") or ""),
        "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE": str(info.get("subject_token_type") or ""),
        "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE": "0",
    }
    return Printed(command, {**environ, **told})


def _of_aws(source: Mapping[str, Any], audience: str, environ: Mapping[str, str]) -> Subject:
    """Keys as AWS's own programs find them, else those of the machine at the address that the file names."""
    verification, machine = source.get("regional_cred_verification_url"), source.get("url")
    region = next((environ[name] for name in REGIONS if environ.get(name)), None)
    region_url, session_url = source.get("region_url"), source.get("imdsv2_session_token_url")
    if source["environment_id"] != "aws1" or not isinstance(verification, str):
        raise ConfigurationError("vertex_credentials: `credential_source` of another cloud is not supported")
    if region is None and not isinstance(region_url, str):
        raise ConfigurationError("vertex_credentials: AWS_REGION is not set, and there is no `region_url`")
    keys = Chooser({}, environ).source(region or "")
    if keys is None and isinstance(machine, str):
        parts = urlsplit(machine)
        keys = Instance(f"{parts.scheme}://{parts.netloc}")
    if keys is None:
        raise ConfigurationError("vertex_credentials: there are no keys of AWS, and `credential_source` has no `url`")
    return SignedByAws(
        audience, verification, keys, region,
        region_url if isinstance(region_url, str) else None,
        session_url if isinstance(session_url, str) else None,
    )  # fmt: skip
