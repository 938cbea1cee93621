"""Upstream errors become the right class, keep what callers need, and leak nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core import errors
from nova_core.types.upstream import UpstreamResponse
from nova_core.wire.upstream_errors import classify, error_from_response, redacted


def answer(status: int, body: object, **headers: str) -> errors.NovaError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_from_response(UpstreamResponse(status, named, raw))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (402, errors.PaymentRequiredError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (408, errors.RequestTimeoutError),
        (409, errors.ConflictError),
        (413, errors.PayloadTooLargeError),
        (418, errors.BadRequestError),
        (422, errors.UnprocessableEntityError),
        (429, errors.RateLimitedError),
        (500, errors.InternalServerError),
        (502, errors.BadGatewayError),
        (503, errors.ServiceUnavailableError),
        (504, errors.RequestTimeoutError),
        (520, errors.InternalServerError),
        (529, errors.ServiceUnavailableError),
    ],
)
def test_the_status_decides_the_class_and_is_kept(status, expected):
    error = answer(status, {"error": {"message": "no"}})
    assert type(error) is expected
    assert error.status == status
    assert error.code == str(status) or expected.default_code == error.code
    assert error.from_upstream


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "bad thing"}}, "bad thing"),
        ({"error": "bad thing"}, "bad thing"),
        ({"message": "bad thing"}, "bad thing"),
        ({"detail": "bad thing"}, "bad thing"),
        ({"detail": {"error": {"message": "bad thing"}}}, "bad thing"),
        ({"error": {"error": {"message": "bad thing"}}}, "bad thing"),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "bad thing"}}, "bad thing"),
        ([{"error": {"message": "bad thing"}}], "bad thing"),
        ({"errors": ["bad", "thing"]}, "bad; thing"),
        ({"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]}, "body.messages: Field required"),
        ("bad thing", "bad thing"),
        (b"bad\n thing", "bad thing"),
        (b"<html><head><style>p{}</style></head><body><h1>502</h1>Bad &amp; gone</body></html>", "502 Bad & gone"),
        ({"strange": 1}, '{"strange":1}'),
    ],
)
def test_the_message_is_found_whatever_the_shape(body, message):
    assert answer(400, body).message == message


def test_an_empty_body_still_gives_a_sentence():
    assert answer(503, b"").message == "the upstream answered 503 without a message"


def test_long_texts_are_shortened():
    assert len(answer(400, {"error": "x" * 5000}).message) == 500


def test_the_string_code_the_type_and_the_param_are_kept():
    error = answer(
        404,
        {
            "error": {
                "message": "m",
                "type": "invalid_request_error",
                "code": "model_not_found",
                "param": "model",
            }
        },
    )
    assert (error.code, error.type, error.param) == ("model_not_found", "invalid_request_error", "model")


def test_a_numeric_code_is_no_code_and_a_class_name_no_type():
    error = answer(400, {"object": "error", "message": "m", "type": "BadRequestError", "code": 400})
    assert (error.code, error.type) == ("400", "invalid_request_error")


@pytest.mark.parametrize(
    ("status", "fields", "expected", "kept"),
    [
        (400, {"code": "context_length_exceeded"}, errors.ContextWindowExceededError, 400),
        (413, {"code": "context_length_exceeded"}, errors.ContextWindowExceededError, 413),
        (500, {"code": "context_length_exceeded"}, errors.ContextWindowExceededError, 400),
        (400, {"code": "content_policy_violation"}, errors.ContentPolicyViolationError, 400),
        (403, {"code": "content_filter"}, errors.ContentPolicyViolationError, 403),
        (
            400,
            {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}},
            errors.ContentPolicyViolationError,
            400,
        ),
        (429, {"code": "insufficient_quota"}, errors.RateLimitedError, 429),
        (403, {"code": "insufficient_quota"}, errors.PaymentRequiredError, 403),
        (400, {"code": "invalid_api_key"}, errors.AuthenticationError, 401),
        (400, {"type": "rate_limit_error"}, errors.RateLimitedError, 429),
        (400, {"code": "image_content_policy_violation"}, errors.ContentPolicyViolationError, 400),
        (400, {"code": "misalignment_policy_violation"}, errors.ContentPolicyViolationError, 400),
    ],
)
def test_a_typed_code_says_more_than_the_status(status, fields, expected, kept):
    error = answer(status, {"error": {"message": "m", **fields}})
    assert type(error) is expected
    assert error.status == kept


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "the request exceeds the available context size, try increasing it",
        "Input tokens exceed the configured limit of 272000 tokens.",
        "current length is 9000 while limit is 8192",
        "`inputs` tokens + `max_new_tokens` must be <= 4096",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 tokens.",
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        "too many tokens: total number of tokens (prompt and prediction) cannot exceed 4096 - received 6354.",
        "the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model",
        "The estimated number of tokens (9000) exceeded this model context window limit (7968).",
    ],
)
def test_words_about_the_context_are_understood(text):
    error = answer(400, {"error": {"message": text}})
    assert type(error) is errors.ContextWindowExceededError
    assert error.code == "context_length_exceeded"


def test_a_user_name_that_is_too_long_is_not_a_full_context():
    text = "Invalid 'user': string too long. Expected a string with maximum length 64, but got 65."
    assert type(answer(400, {"error": {"message": text}})) is errors.BadRequestError
    text = "Invalid 'x': string too long. Expected a string with maximum length 1048576."
    assert type(answer(400, {"error": {"message": text}})) is errors.ContextWindowExceededError
    typed = {"message": text, "code": "string_above_max_length"}
    assert type(answer(400, {"error": typed})) is errors.BadRequestError


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (400, "Your request was rejected as a result of our safety system.", errors.ContentPolicyViolationError),
        (400, "Output blocked by content filtering policy", errors.ContentPolicyViolationError),
        (403, "Rate limit reached for requests", errors.RateLimitedError),
        (400, "rate_limit must be a number", errors.BadRequestError),
        (500, "upstream said 429", errors.RateLimitedError),
        (500, "4290 tokens", errors.InternalServerError),
        (400, "Your credit balance is too low to access the API", errors.PaymentRequiredError),
        (400, "Incorrect API key provided", errors.AuthenticationError),
        (429, "This model's maximum context length is 8192 tokens", errors.RateLimitedError),
    ],
)
def test_words_come_after_status_and_type(status, text, expected):
    assert type(answer(status, {"error": {"message": text}})) is expected


@pytest.mark.parametrize(
    ("code", "kind", "expected", "status"),
    [
        (None, "overloaded_error", errors.ServiceUnavailableError, 529),
        (None, "rate_limit_error", errors.RateLimitedError, 429),
        (None, "invalid_request_error", errors.BadRequestError, 400),
        (None, "api_error", errors.InternalServerError, 500),
        ("429", None, errors.RateLimitedError, 429),
        ("context_length_exceeded", None, errors.ContextWindowExceededError, 400),
        (None, None, errors.InternalServerError, 500),
    ],
)
def test_an_error_event_has_no_status_and_is_read_by_its_type(code, kind, expected, status):
    error = classify(None, "it broke", code, kind)
    assert (type(error), error.status) == (expected, status)


def test_retry_after_is_read_in_seconds_milliseconds_and_dates():
    assert answer(429, {}, retry_after="12").retry_after == 12
    assert answer(429, {}, retry_after_ms="1500", retry_after="9").retry_after == 1.5
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < (answer(429, {}, Retry_After=soon).retry_after or 0) <= 30
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    assert answer(429, {}, retry_after=past).retry_after == 0
    assert answer(429, {}, retry_after="soon").retry_after is None
    assert answer(429, {}, retry_after="-3").retry_after is None
    assert answer(429, {}, retry_after="nan").retry_after is None


def test_limits_reach_the_caller_and_nothing_else_does():
    error = answer(
        429, {}, X_RateLimit_Remaining_Requests="0", Retry_After="3", Set_Cookie="a=b", Server="x", X_Request_Id="r"
    )
    assert error.headers == {"x-ratelimit-remaining-requests": "0", "retry-after": "3", "x-request-id": "r"}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Incorrect API key provided: sk-proj-abcdef0123456789.", "abcdef"),
        ("Incorrect API key provided: sk-ab***********xyz", "sk-ab"),
        ("got header Authorization: Bearer eyJhbGciOi.abc-def", "eyJ"),
        ("key AIzaSyA1234567890abcdefghij is wrong", "AIzaSy"),
        ("token gsk_" + "abcdefgh" * 6 + " refused", "abcdefgh"),
        ("api_key=0123456789abcdef refused", "01234567"),
    ],
)
def test_what_looks_like_a_key_is_masked(text, secret):
    error = answer(401, {"error": {"message": text}})
    assert secret not in error.message
    assert secret not in str(error)
    assert "****" in error.message


def test_ordinary_words_are_not_masked():
    text = (
        "The api_key parameter is missing; risk-free task-based retry. See key-management and Bearer authentication. "
    )
    text += "Model gpt-4o-mini-search-preview-2025-03-11, call call_5Yk2hQm0aBcDeFgHiJkLmNoP."
    assert redacted(text) == text


@given(st.integers(400, 599), st.binary(max_size=300))
def test_any_body_gives_an_error_of_that_status_family(status, body):
    error = error_from_response(UpstreamResponse(status, {}, body))
    assert error.message
    assert 400 <= error.status <= 599


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "message", "detail", "code", "type", "innererror", "x"]), inner)
        ),
        max_leaves=12,
    )
)
def test_any_json_gives_an_error(body):
    assert answer(400, body).message


def test_an_upstreams_status_is_its_code_where_it_gives_none():
    assert error_from_response(UpstreamResponse(413, {}, b"too big")).code == "413"
    assert classify(413, "too big", "request_too_large").code == "request_too_large"
    assert classify(400, "prompt is too long").code == "context_length_exceeded"


@pytest.mark.parametrize("wrapped", ['{"error":{"message":"prompt is too long: 9 > 8"}}', "prompt is too long: 9 > 8"])
def test_what_the_server_behind_a_router_said_is_told_and_understood(wrapped):
    metadata = {"raw": wrapped, "provider_name": "other"}
    error = answer(400, {"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}})
    assert type(error) is errors.ContextWindowExceededError
    assert error.message == "Provider returned error: prompt is too long: 9 > 8"
