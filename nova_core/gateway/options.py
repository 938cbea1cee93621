"""Takes the gateway's own parameters out of a request's body and headers; what is left may go upstream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nova_core.errors import BadRequestError
from nova_core.types.call import CallOptions
from nova_core.types.message import Members, decoded

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
        "mock_delay",
        "mock_timeout",
        "mock_tool_calls",
        "priority",
    ]
)
"""Body members that are the gateway's own and never go upstream."""

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
        "aws_bedrock_runtime_endpoint",
        "aws_external_id",
        "vertex_credentials",
        "vertex_project",
        "vertex_location",
        "vertex_ai_credentials",
        "vertex_ai_project",
        "vertex_ai_location",
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
        "model_info",
        "provider_specific_header",
        "extra_headers",
        "headers",
    ]
)
"""Members that would steer the gateway to another host, credential or price: refused unless the operator allows it."""

NESTED = ("extra_body", "metadata", "litellm_metadata", "nova_metadata")
NATIVE_METADATA = frozenset({"anthropic_messages", "anthropic_count_tokens"})
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

    Raises BadRequestError naming the member that has the wrong type or holds a nested override.
    """
    native = dialect in NATIVE_METADATA
    own = CONTROLS - {"metadata"} if native else CONTROLS
    _refuse_nested_overrides(members)
    overrides = {name: decoded(members[name]) for name in OVERRIDES & members.keys()}
    given = {name: decoded(members[name]) for name in own & members.keys()}
    if given or overrides:
        members = {n: value for n, value in members.items() if n not in given and n not in overrides}
    metadata = _metadata(given)
    if "metadata" in given and decoded(members.get("store", False)) is True and (kept := _stored(given["metadata"])):
        members = {**members, "metadata": kept}
    tags = _tags(given, metadata, headers)
    options = _options(given, headers, metadata, overrides)
    return members, options, tuple(dict.fromkeys((*tags, *principal_tags)))


def _options(
    given: Mapping[str, Any], headers: Mapping[str, str], metadata: Mapping[str, Any], overrides: Mapping[str, Any]
) -> CallOptions:
    if not given and not overrides and not any(name.startswith(HEADER_PREFIXES) for name in headers):
        return NO_OPTIONS
    body_timeout = given.get("timeout", given.get("request_timeout"))
    return CallOptions(
        timeout=_seconds("timeout", body_timeout, header(headers, "timeout")),
        stream_timeout=_seconds("stream_timeout", given.get("stream_timeout"), header(headers, "stream-timeout")),
        num_retries=_count(given.get("num_retries", given.get("max_retries")), header(headers, "num-retries")),
        fallbacks=_fallbacks(given.get("fallbacks")),
        disable_fallbacks=given.get("disable_fallbacks") is True or metadata.get("disable_fallbacks") is True,
        drop_params=_flag("drop_params", given.get("drop_params")),
        additional_drop_params=_names("additional_drop_params", given.get("additional_drop_params")),
        allowed_params=_names("allowed_openai_params", given.get("allowed_openai_params")),
        mock_response=given.get("mock_response"),
        cache=_mapping("cache", _cache(given)),
        metadata=metadata,
        guardrails=_names("guardrails", given.get("guardrails", metadata.get("guardrails"))),
        overrides=overrides,
    )


NO_OPTIONS = CallOptions()


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


def _metadata(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The gateway's metadata; keys that only the gateway itself may write are left out."""
    found: dict[str, Any] = {}
    for name in ("metadata", "litellm_metadata", "nova_metadata"):
        value = given.get(name)
        if value is None:
            continue
        if not isinstance(value, dict):
            raise BadRequestError(f"`{name}` must be an object", param=name)
        found.update(value)
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


def _fallbacks(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    names: list[str] = []
    for item in value if isinstance(value, list) else [value]:
        name = item.get("model") if isinstance(item, dict) else item
        if not isinstance(name, str) or (isinstance(item, dict) and item.keys() - {"model"}):
            raise BadRequestError("`fallbacks` must be a list of model names", param="fallbacks")
        names.append(name)
    return tuple(names)


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
