"""How an exchange over HTTP/2 fails, beside the ways in which any does."""

from __future__ import annotations

from h2.errors import ErrorCodes
from h2.exceptions import (
    DenialOfServiceError,
    FlowControlError,
    FrameDataMissingError,
    FrameTooLargeError,
    InvalidBodyLengthError,
    InvalidSettingsValueError,
    NoSuchStreamError,
    StreamIDTooLowError,
)

from nova_core.errors import APIConnectionError
from nova_core.gateway.http1.faults import Fault, FramingFault
from nova_core.gateway.transport_errors import not_http

OLD = "it answers in HTTP/1.1"
OLD_HINT = "Take the host out of nova_settings.http2_hosts: over http:// it has to speak HTTP/2 at once."

# What `h2` says about an error may quote what came.
REASONS: tuple[tuple[type[Exception], str], ...] = (
    (InvalidBodyLengthError, "a body of another length than its headers say"),
    (DenialOfServiceError, "headers that are too large"),
    (FrameTooLargeError, "a frame that is too large"),
    (FrameDataMissingError, "a frame that is too short"),
    (FlowControlError, "more than its windows allow"),
    (InvalidSettingsValueError, "a setting that does not exist"),
    (NoSuchStreamError, "a frame of a stream that is not open"),
    (StreamIDTooLowError, "a frame of a stream that is not open"),
)


class RefusedFault(Fault):
    """The upstream has done nothing about the request, and says so: it may be sent again (RFC 9113 §8.7)."""


class ResetFault(Fault):
    """The upstream gave the request up. The reason is the name of the error's code."""

    def __init__(self, code: ErrorCodes | int) -> None:
        self.reason = code.name if isinstance(code, ErrorCodes) else "an unknown code"
        super().__init__(self.reason)


class OldProtocolFault(Fault):
    """The upstream wants to be spoken to in HTTP/1.1."""


def not_http2(where: str, reason: str) -> APIConnectionError:
    """The error for an answer that breaks the rules."""
    error = not_http(where, f"HTTP/2: {reason}")
    return APIConnectionError(error.message, hint=OLD_HINT) if reason == OLD else error


def given_up(where: str, reason: str) -> APIConnectionError:
    """The error for a request that the upstream gave up."""
    return APIConnectionError(f"the upstream {where} gave the request up before it answered (HTTP/2: {reason})")


def framing_fault(error: Exception) -> FramingFault:
    """What `h2` has found wrong, in words of ours."""
    reasons = (reason for kind, reason in REASONS if isinstance(error, kind))
    return FramingFault(next(reasons, "a frame or a header that is malformed or out of place"))
