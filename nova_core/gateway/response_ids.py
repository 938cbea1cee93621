"""Ids of responses that lead back to the deployment that keeps them; only whom they were given to can use them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

import msgspec

from nova_core.config.schema import Settings
from nova_core.types.principal import Principal
from nova_core.types.routing import Catalog

PREFIX = "resp_"
MAC_BYTES = 16


class Made(msgspec.Struct, frozen=True, array_like=True):
    """A response at its upstream: who made it, under which public name, and its id there."""

    deployment: str
    model: str
    id: str


@dataclass(frozen=True, slots=True)
class Seal:
    """Turns what an upstream made into the caller's id, and back."""

    secret: bytes

    def close(self, made: Made, principal: Principal) -> str:
        """The id that `principal` is given."""
        plain = msgspec.msgpack.encode(made)
        sealed = self._mac(plain, principal) + plain
        return PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, id: str, principal: Principal) -> Made | None:
        """What the id stands for; None for one that was not made here, or not for this principal."""
        text = id.removeprefix(PREFIX)
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            mac, plain = sealed[:MAC_BYTES], sealed[MAC_BYTES:]
            if not hmac.compare_digest(mac, self._mac(plain, principal)):
                return None
            return msgspec.msgpack.decode(plain, type=Made)
        except (binascii.Error, ValueError, msgspec.DecodeError):
            return None

    def _mac(self, plain: bytes, principal: Principal) -> bytes:
        owner = hashlib.sha256(principal.id.encode()).digest()
        return hmac.new(self.secret, owner + plain, hashlib.sha256).digest()[:MAC_BYTES]


def seal_of(settings: Settings, catalog: Catalog) -> Seal:
    """The seal of a configuration: the same in every process that shares its secrets, and after a restart."""
    master = settings.general.master_key
    if master is not None:
        secrets = [master.get_secret_value()]
    else:
        keys = (deployment.api_key for deployment in catalog.by_id.values())
        secrets = [*(entry.key.get_secret_value() for entry in settings.general.keys)]
        secrets += sorted({key.reveal() for key in keys if key is not None})
    return Seal(hashlib.sha256("\0".join(["response ids", *secrets]).encode()).digest())
