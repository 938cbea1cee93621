"""Authorization keys and the tokens that they are exchanged for."""

# https://developers.sber.ru/docs/ru/gigachat/api/reference/rest/post-token

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import uuid4

from nova_core.types.secret import Secret
from nova_core.types.upstream import UpstreamRequest

AUTH_URL = "https://ngw.devices.sberbank.ru:9443/api/v2/oauth"
SCOPE = "GIGACHAT_API_PERS"


@dataclass(frozen=True, slots=True)
class AuthorizationKey:
    """The key of a project, with the scope (personal, B2B, corporate) that its token is asked for."""

    key: Secret
    scope: str = SCOPE
    url: str = AUTH_URL

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The key."""
        return (self.key,)

    def request(self) -> UpstreamRequest:
        """What asks for a token that is good for half an hour."""
        headers = (
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Authorization", f"Basic {self.key.reveal()}"),
            ("RqUID", str(uuid4())),
        )
        return UpstreamRequest(self.url, "POST", headers, urlencode({"scope": self.scope}).encode())


def is_authorization_key(text: str) -> bool:
    """Whether this is the Base64 of `id:secret`; what is not is an access token already."""
    try:
        return b":" in base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
