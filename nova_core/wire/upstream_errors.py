"""What an upstream's error means: its status first, then its typed code, then its words."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from nova_core.errors import (
    AuthenticationError,
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    InternalServerError,
    NotFoundError,
    NovaError,
    PayloadTooLargeError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitedError,
    RequestTimeoutError,
    ServiceUnavailableError,
    error_class_for,
)
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.body import NOT_JSON

MESSAGE_LIMIT = 500

CLASS_BY_CODE: Mapping[str, type[NovaError]] = {
    "context_length_exceeded": ContextWindowExceededError,
    "context_window_exceeded": ContextWindowExceededError,
    "model_max_prompt_tokens_exceeded": ContextWindowExceededError,
    "exceed_context_size_error": ContextWindowExceededError,
    "content_policy_violation": ContentPolicyViolationError,
    "content_filter": ContentPolicyViolationError,
    "content_filter_error": ContentPolicyViolationError,
    "moderation_blocked": ContentPolicyViolationError,
    "image_content_policy_violation": ContentPolicyViolationError,
    "misalignment_policy_violation": ContentPolicyViolationError,
    "bio_policy": ContentPolicyViolationError,
    "cyber_policy": ContentPolicyViolationError,
    "responsibleaipolicyviolation": ContentPolicyViolationError,
    "insufficient_quota": PaymentRequiredError,
    "billing_hard_limit_reached": PaymentRequiredError,
    "billing_not_active": PaymentRequiredError,
    "billing_error": PaymentRequiredError,
    "invalid_api_key": AuthenticationError,
    "rate_limit_exceeded": RateLimitedError,
    "rate_limit_error": RateLimitedError,
    "throttling_error": RateLimitedError,
}
"""Codes and types that say more than a status; they refine it."""

CLASS_BY_TYPE: Mapping[str, type[NovaError]] = {
    "invalid_request_error": BadRequestError,
    "authentication_error": AuthenticationError,
    "permission_error": PermissionDeniedError,
    "not_found_error": NotFoundError,
    "request_too_large": PayloadTooLargeError,
    "overloaded_error": ServiceUnavailableError,
    "timeout_error": RequestTimeoutError,
    "api_error": InternalServerError,
    "server_error": InternalServerError,
}
"""Types that stand in for a status where there is none: error events in a stream."""

OVERLOADED = 529

CONTEXT_WORDS = re.compile(
    r"exceed context limit|this model's maximum context length is|model's maximum context limit"
    r"|string too long\. expected a string with maximum length|is longer than the model's context length"
    r"|input tokens exceed the configured limit|`inputs` tokens \+ `max_new_tokens` must be"
    r"|exceeds the available context size|exceeds the maximum number of tokens allowed"
    r"|current length is .{0,40} while limit is|maximum input length is .{0,40} tokens"
    r"|prompt is too long|prompt: length|maximum context length of|exceeds the context window"
    r"|input is too long for requested model|too many input tokens|this model's maximum prompt length is"
    r"|this endpoint's maximum context length is|too large for model with \d+ maximum context length"
    r"|too many tokens: (size limit|total number)|input tokens \d+ cannot exceed the total tokens limit"
    r"|context window limit|context window exceeds limit|prompt token count of \d+ exceeds the limit"
)
NOT_CONTEXT_WORDS = re.compile(r"string_above_max_length|maximum length 64\b")
POLICY_WORDS = re.compile(
    r"content_policy_violation|content_filter_policy|responsibleaipolicyviolation|content filtering policy"
    r"|content management policy|violating our usage polic"
    r"|rejected as a result of our safety system|the model produced invalid content"
)
RATE_WORDS = re.compile(r"rate[ _-]*limit|service tier capacity exceeded|(?<![\d.])429(?![\d.])")
KEY_WORDS = re.compile(r"(incorrect|invalid) api[ _-]key|api key not valid|invalid x-api-key")
CREDIT_WORDS = re.compile(r"credit balance is too low")

# Short words after a scheme ("Bearer authentication") are prose; a digit, an asterisk or length makes a key.
# After other prefixes than `sk` only long unbroken runs count: model names and ids look alike otherwise.
SECRET_SHAPES = re.compile(
    r"\bsk[-_][A-Za-z0-9*_\-.]{6,}"
    r"|\b[a-z]{2,6}[-_][A-Za-z0-9]{40,}"
    r"|\bAIza[A-Za-z0-9_\-]{20,}"
    r"|(?i:bearer\s+)(?:(?=\S*[0-9*])[A-Za-z0-9._~+/*=-]{6,}|[A-Za-z0-9._~+/=-]{16,})"
    r"|(?i:api[-_ ]key(?: provided)?\s*[:=]\s*)['\"]?(?:(?=\S*[0-9*])[A-Za-z0-9._*-]{6,}|[A-Za-z0-9._-]{16,})"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What an error body says, whatever its shape."""

    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    details: Mapping[str, Any] | None = None


def error_from_response(response: UpstreamResponse) -> NovaError:
    """The error of a whole response with a status of 400 and above."""
    facts = facts_of(response.body)
    message = facts.message or f"the upstream answered {response.status} without a message"
    error = classify(response.status, message, facts.code, facts.type, param=facts.param, headers=response.headers)
    error.details = facts.details
    return error


def classify(
    status: int | None,
    message: str,
    code: str | None = None,
    type: str | None = None,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> NovaError:
    """The error for an upstream's `status` (None: an error event in a stream), its words and its typed fields.

    An upstream 4xx status is kept even where the words say more (a prompt that is too long stays 413 where it
    was 413). Where the meaning is another one than the status says, the status of that meaning is answered.
    """
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    status = status if status is not None else _status_in(code)
    base = error_class_for(status) if status is not None else CLASS_BY_TYPE.get(type or "", InternalServerError)
    if status is None and type == "overloaded_error":
        status = OVERLOADED
    found = _refined(base, status, message, (code, type)) or base
    stated = code if code and not code.isdigit() else None
    error = found(
        redacted(message),
        code=stated or (str(status) if status is not None and found is base else None),
        param=param,
        status=_kept_status(found, base, status),
        type=type if type and re.fullmatch(r"[a-z][a-z0-9_]*", type) else None,
        retry_after=retry_after(lower),
        headers={name: value for name, value in lower.items() if _reaches_caller(name)},
    )
    error.from_upstream = True
    return error


def facts_of(body: bytes) -> Facts:
    """Message, code, type and param of an error body: JSON of any known shape, HTML, or plain text."""
    try:
        data = msgspec.json.decode(body)
    except NOT_JSON:
        return Facts(shortened(body.decode("utf-8", "replace")))
    inner = _innermost(data)
    outer = data if isinstance(data, dict) else {}
    kind = _text(inner.get("type")) or _text(outer.get("type"))
    said, behind = _message(inner) or _message(outer) or _leftover(data), _behind(inner)
    return Facts(
        message=shortened(f"{said}: {behind}" if behind else said),
        code=_code(inner) or _code(outer),
        type=kind if kind != "error" else None,
        param=_text(inner.get("param")) or _text(outer.get("param")),
        details=_details(inner.get("details")),
    )


def _details(found: Any) -> Mapping[str, Any] | None:
    """Fields that name the cause of an error by an `error_code`; none that could hold a secret."""
    if not isinstance(found, Mapping) or not isinstance(found.get("error_code"), str):
        return None
    text = msgspec.json.encode(found).decode()
    return found if redacted(text) == text else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of `retry-after-ms` or `retry-after` (seconds or an HTTP date); names are lower case."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "").strip()
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def redacted(text: str) -> str:
    """`text` with everything that looks like a credential masked."""
    return SECRET_SHAPES.sub(lambda match: _mask(match.group()), text)


def excerpt(response: UpstreamResponse) -> str:
    """A short quotation of a body that was not what it should be."""
    text = redacted(shortened(response.body[:4000].decode("utf-8", "replace"), limit=200))
    return repr(text) if text else "an empty body"


def shortened(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """One line of plain text: tags and scripts of HTML removed, white space folded, at most `limit` characters."""
    if re.search(r"<(?:!doctype|html|head|body|title|h1|p|center)\b", text[:2000], re.IGNORECASE):
        from html import unescape  # its table of names takes a start's time and memory; proxies' error pages are rare

        text = re.sub(r"(?is)<(script|style)\b.*?(?:</\1>|\Z)", " ", text[:20000])
        text = unescape(re.sub(r"<[^>]*>", " ", text))
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _refined(
    base: type[NovaError], status: int | None, message: str, typed: Iterable[str | None]
) -> type[NovaError] | None:
    """What typed fields, then words, say beyond the status; None when the status says it all."""
    if status in (401, 402, 404, 408, 429, 502, 504):
        return None
    for word in typed:
        if word and (found := CLASS_BY_CODE.get(word.lower())):
            return found
    text = message.lower()
    if CONTEXT_WORDS.search(text) and not NOT_CONTEXT_WORDS.search(text) and "string_above_max_length" not in typed:
        return ContextWindowExceededError
    if POLICY_WORDS.search(text):
        return ContentPolicyViolationError
    if CREDIT_WORDS.search(text):
        return PaymentRequiredError
    if status == 400 and KEY_WORDS.search(text):
        return AuthenticationError
    if RATE_WORDS.search(text) and (status is None or status in (403, 500)):
        return RateLimitedError
    return None


def _kept_status(found: type[NovaError], base: type[NovaError], status: int | None) -> int | None:
    """The upstream's status where it fits the class; None for the class's own."""
    if status is None or found is base:
        return status
    # Clients retry 5xx by themselves, and a prompt that does not fit will not fit then either.
    same_meaning = issubclass(found, BadRequestError | PaymentRequiredError)
    return status if same_meaning and 400 <= status < 500 else None


def _status_in(code: str | None) -> int | None:
    number = int(code) if code and code.isdigit() and len(code) == 3 else 0
    return number if 400 <= number <= 599 else None


def _innermost(data: Any) -> dict[str, Any]:
    """The object that describes the error: under `error` (also nested, or in a list), else the body itself."""
    if isinstance(data, list) and data:
        data = data[0]
    if not isinstance(data, dict):
        return {}
    found: dict[str, Any] = data
    for _ in range(4):
        inner = found.get("error")
        if isinstance(inner, dict) and inner:
            found = inner
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            found = inner[0]
        else:
            break
    detail = found.get("detail")
    return detail if isinstance(detail, dict) else found


def _behind(data: Mapping[str, Any]) -> str:
    """What the server behind a router said, which routers add to words of their own: JSON, or text."""
    metadata = data.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str) or not raw.strip():
        return ""
    try:
        return _message(_innermost(msgspec.json.decode(raw))) or raw
    except NOT_JSON:
        return raw


def _message(data: Mapping[str, Any]) -> str:
    for name in ("message", "msg", "error", "detail", "error_message", "errors", "title"):
        value = data.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, list) and value:
            return "; ".join(_line(item) for item in value[:5])
        if isinstance(value, dict) and isinstance(value.get("message"), str):
            return str(value["message"])
    return ""


def _line(item: Any) -> str:
    """One validation error: `body.messages: Field required`."""
    if not isinstance(item, dict):
        return str(item)
    text = str(item.get("msg") or item.get("message") or msgspec.json.encode(item).decode())
    where = item.get("loc")
    return f"{'.'.join(str(step) for step in where)}: {text}" if isinstance(where, list) and where else text


def _leftover(data: Any) -> str:
    if isinstance(data, str):
        return data
    return msgspec.json.encode(data).decode() if data else ""


def _code(data: Mapping[str, Any]) -> str | None:
    inner = data.get("innererror")
    if isinstance(inner, dict) and str(inner.get("code", "")).lower() in CLASS_BY_CODE and data.get("code") is None:
        return str(inner["code"])
    return _text(data.get("code"))


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    return str(value) if isinstance(value, str | int) and str(value) else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else -1.0
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def _mask(secret: str) -> str:
    scheme = re.match(r"(?i)bearer\s+|api[-_ ]key(?: provided)?\s*[:=]\s*['\"]?", secret)
    return f"{scheme.group()}****" if scheme else "****"


def _reaches_caller(name: str) -> bool:
    return "ratelimit" in name or name in {"retry-after", "retry-after-ms", "x-request-id", "request-id"}
