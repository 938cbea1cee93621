"""How upstreams' certificates are checked: one TLS context for every transport."""

from __future__ import annotations

import ssl

from nova_core.errors import ConfigurationError


def tls_context(verify: bool | str, certificate: str | None) -> ssl.SSLContext:
    """How upstreams are checked, and the certificate shown to them. Raises ConfigurationError for unreadable files.

    `verify` is True for the system's certificates (and `SSL_CERT_FILE`), a path to a CA bundle, or False;
    `certificate` is the path of a client certificate and its key (PEM).
    """
    if verify is False:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = _verifying(verify)
    if certificate is not None:
        try:
            context.load_cert_chain(certificate)
        except OSError as error:
            message = f"ssl_certificate: no certificate and key can be read from {certificate}"
            raise ConfigurationError(message) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _verifying(verify: bool | str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    except OSError as error:
        raise ConfigurationError(f"ssl_verify: no certificates can be read from {verify}: {error.strerror}") from None
