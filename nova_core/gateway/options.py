"""Takes the gateway's own parameters out of a request's body and headers; what is left may go upstream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from nova_core.errors import BadRequestError
from nova_core.gateway.options_fallbacks import asked_fallbacks, fallbacks_by_group
from nova_core.types.call import NO_OPTIONS, Call, CallOptions
from nova_core.types.message import Members, Request, decoded

HEADER_PREFIXES = ("x-nova-", "x-litellm-")
MOST_RETRIES = 20

CONTROLS = frozenset(
    [
        "timeout",
        "request_timeout",
        "stream_timeout",
        "num_retries",
        "max_retries",
        "fallbacks",
        "disable_fallbacks",
        "routing_strategy",
        "drop_params",
        "additional_drop_params",
        "allowed_openai_params",
        "mock_response",
        "cache",
        "caching",
        "tags",
        "guardrails",
        "metadata",
        "litellm_metadata",
        "nova_metadata",
        "custom_llm_provider",
        "litellm_call_id",
        "litellm_trace_id",
        "litellm_session_id",
        "no-log",
        "context_window_fallbacks",
        "context_window_fallback_dict",
        "content_policy_fallbacks",
        "mock_testing_fallbacks",
        "mock_testing_context_fallbacks",
        "mock_testing_content_policy_fallbacks",
        "mock_testing_rate_limit_error",
        "mock_delay",
        "mock_timeout",
        "mock_tool_calls",
        "priority",
    ]
)
"""Body members that are the gateway's own and never go upstream."""

MOCK_FAILURES: Mapping[str, str] = {
    "mock_testing_fallbacks": "nova.InternalServerError",
    "mock_testing_context_fallbacks": "nova.ContextWindowExceededError",
    "mock_testing_content_policy_fallbacks": "nova.content_filter_policy",
    "mock_testing_rate_limit_error": "nova.RateLimitError",
}
"""Members that make the first group fail, for watching its fallbacks, and the `mock_response` that each stands for."""

OVERRIDES = frozenset(
    [
        "api_base",
        "base_url",
        "api_key",
        "api_version",
        "organization",
        "user_config",
        "model_list",
        "azure_ad_token",
        "azure_ad_token_provider",
        "tenant_id",
        "client_id",
        "client_secret",
        "azure_username",
        "azure_password",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_region_name",
        "aws_profile_name",
        "aws_role_name",
        "aws_session_name",
        "aws_web_identity_token",
        "aws_sts_endpoint",
        "aws_external_id",
        "input_cost_per_token",
        "output_cost_per_token",
        "input_cost_per_second",
        "output_cost_per_second",
        "cost_per_second",
        "cache_read_input_token_cost",
        "cache_creation_input_token_cost",
        "langfuse_public_key",
        "langfuse_secret_key",
        "langfuse_host",
        "langsmith_api_key",
        "langsmith_base_url",
        "litellm_credential_name",
        "ssl_verify",
        "use_ssl",
        "nvcf_function_id",
        "model_info",
        "provider_specific_header",
        "extra_headers",
        "headers",
    ]
) | {f"vertex_{infix}{name}" for infix in ("", "ai_") for name in ("credentials", "project", "location")}
"""Members that would steer the gateway to another host, credential or price: refused unless the operator allows it."""

NESTED = ("extra_body", "metadata", "litellm_metadata", "nova_metadata")
OWN = CONTROLS | OVERRIDES | frozenset(NESTED)
"""Every member that the gateway looks at."""

NATIVE_METADATA = frozenset({"anthropic_messages", "anthropic_count_tokens", "openai_responses"})
"""Dialects whose `metadata` belongs to the vendor."""


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A gateway header under either prefix: `header(h, "tags")` reads `x-nova-tags`, then `x-litellm-tags`."""
    for prefix in HEADER_PREFIXES:
        value = headers.get(prefix + name)
        if value is not None:
            return value
    return None


def take_options(
    members: Members, headers: Mapping[str, str], *, dialect: str, principal_tags: Iterable[str] = ()
) -> tuple[Members, CallOptions, tuple[str, ...]]:
    """What is left of the members, the options, and the tags (the body's, else the header's; then the key's).

    `headers` are those for the gateway itself alone (`HEADER_PREFIXES`).

    Raises BadRequestError naming the member that has the wrong type or holds a nested override.
    """
    if not headers and OWN.isdisjoint(members):
        return members, NO_OPTIONS, tuple(dict.fromkeys(principal_tags)) if principal_tags else ()
    native = dialect in NATIVE_METADATA
    own = CONTROLS - {"metadata"} if native else CONTROLS
    _refuse_nested_overrides(members)
    overrides = {name: decoded(members[name]) for name in OVERRIDES & members.keys()}
    given = {name: decoded(members[name]) for name in own & members.keys()}
    if given or overrides:
        members = {n: value for n, value in members.items() if n not in given and n not in overrides}
    metadata = _metadata(given, headers)
    if "metadata" in given and decoded(members.get("store", False)) is True and (kept := _stored(given["metadata"])):
        members = {**members, "metadata": kept}
    tags = _tags(given, metadata, headers)
    options = _options(given, headers, metadata, overrides)
    return members, options, tuple(dict.fromkeys((*tags, *principal_tags)))


def as_fallback(call: Call, request: Request, asked: CallOptions, name: str) -> Request:
    """The request as the fallback `name` gets it, with what the caller's `fallbacks` say otherwise for it.

    `asked` are the caller's options. Raises BadRequestError for a control parameter of the wrong type.
    """
    if asked.mock_testing:
        asked = replace(asked, mock_response=None, mock_testing=False)
    call.options = asked
    said = asked.fallback_members.get(name)
    if said is None:
        return request
    members, own, _ = take_options(said, {}, dialect=request.dialect.name)
    call.options = replace(
        asked,
        timeout=asked.timeout if own.timeout is None else own.timeout,
        stream_timeout=asked.stream_timeout if own.stream_timeout is None else own.stream_timeout,
        num_retries=asked.num_retries if own.num_retries is None else own.num_retries,
        mock_response=asked.mock_response if own.mock_response is None else own.mock_response,
        overrides={**asked.overrides, **own.overrides},
    )
    return request.with_members(members)


def _options(
    given: Mapping[str, Any], headers: Mapping[str, str], metadata: Mapping[str, Any], overrides: Mapping[str, Any]
) -> CallOptions:
    if not given and not overrides and not headers:
        return NO_OPTIONS
    fallbacks, said = asked_fallbacks(given.get("fallbacks"))
    failure = next((said for name, said in MOCK_FAILURES.items() if given.get(name) is True), None)
    body_timeout = given.get("timeout", given.get("request_timeout"))
    return CallOptions(
        timeout=_seconds("timeout", body_timeout, header(headers, "timeout")),
        stream_timeout=_seconds("stream_timeout", given.get("stream_timeout"), header(headers, "stream-timeout")),
        num_retries=_count(given.get("num_retries", given.get("max_retries")), header(headers, "num-retries")),
        fallbacks=fallbacks,
        fallback_members=said,
        context_window_fallbacks=fallbacks_by_group(
            "context_window_fallbacks", given.get("context_window_fallbacks", given.get("context_window_fallback_dict"))
        ),
        content_policy_fallbacks=fallbacks_by_group("content_policy_fallbacks", given.get("content_policy_fallbacks")),
        disable_fallbacks=given.get("disable_fallbacks") is True or metadata.get("disable_fallbacks") is True,
        routing_strategy=_text("routing_strategy", given.get("routing_strategy")),
        drop_params=_flag("drop_params", given.get("drop_params")),
        additional_drop_params=_names("additional_drop_params", given.get("additional_drop_params")),
        allowed_params=_names("allowed_openai_params", given.get("allowed_openai_params")),
        mock_response=given.get("mock_response") if failure is None else failure,
        mock_testing=failure is not None,
        cache=_mapping("cache", _cache(given)),
        metadata=metadata,
        guardrails=_names("guardrails", given.get("guardrails", metadata.get("guardrails"))),
        overrides=overrides,
        explain=header(headers, "decision") == "explain",
    )


def _refuse_nested_overrides(members: Members) -> None:
    for holder in NESTED:
        if holder not in members:
            continue
        value = decoded(members[holder])
        found = sorted(OVERRIDES & value.keys()) if isinstance(value, dict) else []
        if found:
            raise BadRequestError(
                f"`{found[0]}` cannot be set by callers, in `{holder}` neither: ask the operator of this gateway.",
                param=f"{holder}.{found[0]}",
            )


def _metadata(given: Mapping[str, Any], headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The gateway's metadata; keys that only the gateway itself may write are left out."""
    found: dict[str, Any] = {}
    for name in ("metadata", "litellm_metadata", "nova_metadata"):
        value = given.get(name)
        if value is None:
            continue
        if not isinstance(value, dict):
            raise BadRequestError(f"`{name}` must be an object", param=name)
        found.update(value)
    session = given.get("litellm_session_id") or header(headers, "session-id")
    if isinstance(session, str):
        found.setdefault("session_id", session)
    return {key: value for key, value in found.items() if not key.startswith("user_api_key")}


GATEWAY_METADATA = frozenset(
    [
        "tags",
        "guardrails",
        "session_id",
        "trace_id",
        "generation_name",
        "spend_logs_metadata",
        "requester",
        "disable_fallbacks",
    ]
)


def _stored(metadata: Any) -> dict[str, Any]:
    """What of `metadata` the vendor stores with the completion (`store: true`), without the gateway's keys."""
    if not isinstance(metadata, dict):
        return {}
    return {key: value for key, value in metadata.items() if key not in GATEWAY_METADATA and isinstance(value, str)}


def _tags(given: Mapping[str, Any], metadata: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str, ...]:
    for name, value in (("tags", given.get("tags")), ("metadata.tags", metadata.get("tags"))):
        if value is not None:
            return _names(name, value)
    sent = header(headers, "tags") or ""
    return tuple(tag for tag in (part.strip() for part in sent.split(",")) if tag)


def _cache(given: Mapping[str, Any]) -> Any:
    if given.get("caching") is False:
        return {"no-cache": True, "no-store": True}
    value = given.get("cache")
    return None if isinstance(value, bool) else value


def _names(param: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise BadRequestError(f"`{param}` must be a list of strings", param=param)


def _text(param: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise BadRequestError(f"`{param}` must be a string", param=param)


def _flag(param: str, value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise BadRequestError(f"`{param}` must be true or false", param=param)


def _mapping(param: str, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequestError(f"`{param}` must be an object", param=param)
    return value


def _seconds(param: str, body: Any, sent: str | None) -> float | None:
    value = _number(param, body if body is not None else sent, float)
    if value is not None and not (0 < value < math.inf):
        raise BadRequestError(f"`{param}` must be a number of seconds above 0", param=param)
    return value


def _count(body: Any, sent: str | None) -> int | None:
    value = _number("num_retries", body if body is not None else sent, int)
    if value is not None and not 0 <= value <= MOST_RETRIES:
        raise BadRequestError(f"`num_retries` must be from 0 to {MOST_RETRIES}", param="num_retries")
    return None if value is None else int(value)


def _number(param: str, value: Any, convert: Callable[[Any], float]) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadRequestError(f"`{param}` must be a number", param=param)
    try:
        return convert(value)
    except ValueError:
        raise BadRequestError(f"`{param}` must be a number", param=param) from None
