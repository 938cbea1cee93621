"""AWS Signature Version 4: how requests are signed, where the keys come from, and who is asked for them."""

from nova_core.wire.sigv4.signature import Keys, Scope, Unsigned, sign
from nova_core.wire.sigv4.signed import Keychain, Signed

__all__ = ["Keychain", "Keys", "Scope", "Signed", "Unsigned", "sign"]
