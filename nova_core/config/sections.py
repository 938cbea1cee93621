"""The sections of the file, typed where they are honoured: the fields here are the honoured keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, field_validator, model_validator

from nova_core.config.choosing import BackgroundHealth, Choosing, HealthRouting
from nova_core.config.reliability import AllowedFailsPolicy, Hedging, RetryPolicy
from nova_core.config.values import (
    AliasEntry,
    Fallbacks,
    FlagOrPath,
    LogFormat,
    LogLevel,
    OwnSection,
    Section,
    TextList,
    is_price_key,
    misplaced,
)

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]


class CacheParams(Section):
    """`cache_params`; other keys belong to the cache that `type` names."""

    type: str | None = Field(None, description="Which cache; in memory when absent.")
    ttl: Seconds | None = Field(None, description="Seconds an entry lives.")
    namespace: str | None = Field(None, description="Prefix that keeps the entries of several gateways apart.")
    mode: str = Field("default_on", description="default_on, or default_off: only calls that ask for it are cached.")
    supported_call_types: TextList | None = Field(None, description="Operations that are cached; all when absent.")
    max_messages: Count | None = Field(None, description="Longer conversations are not cached; null: no limit.")

    @field_validator("mode")
    @classmethod
    def _known_mode(cls, value: str) -> str:
        if value not in ("default_on", "default_off"):
            raise ValueError("must be default_on or default_off")
        return value


class NovaSettings(Section):
    """`nova_settings`, also written `litellm_settings`: behaviour of every call."""

    drop_params: bool = Field(False, description="Drop parameters a provider cannot express instead of refusing.")
    num_retries: Count | None = Field(None, description="Default of router_settings.num_retries.")
    request_timeout: Seconds = Field(600.0, description="Seconds a call may take; of a stream, the longest gap.")
    fallbacks: Fallbacks = Field(default_factory=dict, description="Default of router_settings.fallbacks.")
    default_fallbacks: TextList = Field((), description="Model groups tried after any group that fails.")
    context_window_fallbacks: Fallbacks = Field(
        default_factory=dict, description="Default of router_settings.context_window_fallbacks.")  # fmt: skip
    content_policy_fallbacks: Fallbacks = Field(
        default_factory=dict, description="Default of router_settings.content_policy_fallbacks.")  # fmt: skip
    max_fallbacks: Count | None = Field(None, description="Default of router_settings.max_fallbacks.")
    allowed_fails: Count | None = Field(None, description="Default of router_settings.allowed_fails.")
    model_alias_map: dict[str, str] = Field(default_factory=dict, description="Public name to model group.")
    callbacks: TextList = Field((), description="Plugins by name, or `module.attribute` beside this file.")
    register_model: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="`provider/model` to what is known of it, as in model_info.")  # fmt: skip
    cache: bool = Field(False, description="Cache replies; see cache_params.")
    cache_params: CacheParams = Field(default_factory=CacheParams, description="Which cache, and how.")
    set_verbose: bool = Field(False, description="Log at level debug.")
    json_logs: bool = Field(False, description="Log as JSON.")
    ssl_verify: FlagOrPath = Field(True, description="Check upstream certificates; or the path of a CA bundle.")
    ssl_certificate: str | None = Field(None, description="Path of a client certificate shown to upstreams.")
    lenient_hosts: TextList = Field((), description="Upstreams' hosts that break rules of HTTP and are forgiven some.")
    http2_hosts: TextList = Field((), description="Upstreams' hosts to call over HTTP/2; needs nova-core[http2].")
    require_auth_for_metrics_endpoint: bool = Field(True, description="/metrics needs a key when keys are set.")


class RouterSettings(Choosing, HealthRouting, Section):
    """`router_settings`: how a deployment is chosen and what happens when it fails."""

    num_retries: Count = Field(2, description="Further attempts within the model group; 0 means none.")
    timeout: Seconds | None = Field(None, description="Seconds a call may take.")
    stream_timeout: Seconds | None = Field(None, description="Seconds until the first chunk of a stream.")
    max_attempts: Annotated[int, Field(gt=0)] = Field(20, description="Attempts of one call, fallbacks included.")
    call_timeout: Seconds | None = Field(
        None, description="Seconds a call may take with all attempts; a stream until its first chunk.")  # fmt: skip
    retry_after: Annotated[float, Field(ge=0)] = Field(0.0, description="Least seconds between two attempts.")
    retry_policy: RetryPolicy | None = Field(None, description="Further attempts by kind of error.")
    model_group_retry_policy: dict[str, RetryPolicy] = Field(
        default_factory=dict, description="Model group to its own retry_policy.")  # fmt: skip
    fallbacks: Fallbacks = Field(default_factory=dict, description="Model groups tried after a group failed.")
    default_fallbacks: TextList = Field((), description="Model groups tried after any group that fails.")
    context_window_fallbacks: Fallbacks = Field(
        default_factory=dict, description="Model groups tried when the prompt is too long for a group.")  # fmt: skip
    content_policy_fallbacks: Fallbacks = Field(
        default_factory=dict, description="Model groups tried when a content policy refuses.")  # fmt: skip
    max_fallbacks: Count = Field(5, description="How many fallbacks may follow each other.")
    stream_continuation: bool = Field(
        False, description="Let another model go on with the text of a stream that broke.")  # fmt: skip
    hedging: Hedging | None = Field(None, description="Ask a second deployment when the first is slow.")
    model_group_alias: dict[str, AliasEntry] = Field(default_factory=dict, description="Further names of groups.")
    enable_tag_filtering: bool = Field(False, description="Choose deployments by the tags of the request.")
    tag_filtering_match_any: bool = Field(True, description="One shared tag is enough; false: all are needed.")
    tag_routing_prefix: str = Field("", description="Prefix that marks a tag as meant for routing.")
    enable_pre_call_checks: bool = Field(False, description="Leave out deployments that a request does not fit.")
    allowed_fails: Count | None = Field(None, description="Failures a minute before a deployment rests.")
    cooldown_time: Annotated[float, Field(ge=0)] = Field(5.0, description="Seconds a failing deployment rests.")
    disable_cooldowns: bool = Field(False, description="Never rest a deployment.")
    allowed_fails_policy: AllowedFailsPolicy | None = Field(
        None, description="Failures a minute before a deployment rests, by kind of error.")  # fmt: skip
    cooldown_failure_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        50.0, description="A deployment rests when more of its calls failed within a minute.")  # fmt: skip
    cooldown_min_requests: Annotated[int, Field(gt=0)] = Field(
        5, description="Calls a minute without which the percentage says nothing.")  # fmt: skip
    default_max_parallel_requests: Annotated[int, Field(gt=0)] | None = Field(
        None, description="max_parallel_requests of deployments without one.")  # fmt: skip
    queue_timeout: Annotated[float, Field(ge=0)] = Field(
        30.0, description="Seconds a call waits for a deployment that runs as many calls as it may.")  # fmt: skip
    limit_window: Seconds = Field(60.0, description="Seconds of the window in which rpm and tpm count.")
    redis_url: SecretStr | None = Field(None, description="Share state through this Redis; goes before the others.")
    redis_host: str | None = Field(None, description="Share state through the Redis on this host.")
    redis_port: Annotated[int, Field(ge=1, le=65535)] | None = Field(None, description="Its port; 6379 when absent.")
    redis_db: Count | None = Field(None, description="The number of its database; 0 when absent.")
    redis_username: str | None = Field(None, description="The user it knows us as.")
    redis_password: SecretStr | None = Field(None, description="The password for it; write os.environ/NAME.")
    redis_ssl: bool | None = Field(None, description="Speak TLS with it.")
    default_litellm_params: dict[str, Any] = Field(
        default_factory=dict, description="Defaults for the params of every deployment.")  # fmt: skip


def _as_static_key(value: Any) -> Any:
    return {"key": value} if isinstance(value, str) else value


class StaticKey(OwnSection):
    """A caller's key kept in the file."""

    key: SecretStr = Field(min_length=1, description="The key itself; better os.environ/NAME than the text.")
    name: str | None = Field(None, description="Name of the caller in logs.")
    models: TextList = Field((), description="Model names the key may use, wildcards allowed; empty: all.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Handed to plugins with each call.")


class Limits(OwnSection):
    """`general_settings.limits`: what one connection and one request may take."""

    body_mb: Annotated[float, Field(gt=0)] = Field(64.0, description="Largest request body in MiB; 413 above.")
    header_kb: Annotated[float, Field(gt=0)] = Field(64.0, description="Largest sum of request headers in KiB.")
    header_count: Annotated[int, Field(gt=0)] = Field(200, description="Most request headers.")
    json_depth: Annotated[int, Field(gt=0)] = Field(128, description="Deepest nesting of a JSON body.")
    idle_seconds: Seconds = Field(75.0, description="How long a connection may stay open between requests.")
    body_read_seconds: Seconds = Field(60.0, description="How long a caller may take to send the body.")
    drain_seconds: Seconds = Field(30.0, description="How long running calls may take after SIGTERM.")
    hang_seconds: Annotated[float, Field(ge=0)] = Field(
        60.0, description="How long a worker's event loop may stand still until the worker is replaced; 0: for ever."
    )
    decisions: Annotated[int, Field(ge=0)] = Field(
        1000, description="How many of the last calls each process can explain (`nova why`); changes with a restart."
    )


class KeptResponses(OwnSection):
    """`general_settings.responses`: answers of the Responses API that the gateway keeps for their callers."""

    ttl_seconds: Annotated[int, Field(gt=0)] = Field(2_592_000, description="How long a response is kept; 30 days.")
    memory_mb: Annotated[float, Field(gt=0)] = Field(
        64.0, description="Room in MiB of each process, where no store is provided; the oldest leave.")  # fmt: skip


class Tls(OwnSection):
    """`general_settings.tls`: serve https."""

    cert_file: str = Field(description="Path of the certificate chain (PEM).")
    key_file: str = Field(description="Path of the private key (PEM).")
    key_password: SecretStr | None = Field(None, description="Password of the private key.")


class Log(OwnSection):
    """`general_settings.log`."""

    level: LogLevel | None = Field(None, description="Least important level written; info when absent.")
    format: LogFormat | None = Field(None, description="text or json; json_logs decides when absent.")
    access: bool = Field(True, description="Write one line for every call.")

    @field_validator("level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class GeneralSettings(BackgroundHealth, Section):
    """`general_settings`: the server."""

    master_key: SecretStr | None = Field(None, min_length=1, description="The operator's key.")
    keys: tuple[Annotated[StaticKey, BeforeValidator(_as_static_key)], ...] = Field(
        (), description="Callers' keys that need no database.")  # fmt: skip
    header_prefix: str = Field("x-nova", description="How response headers begin; x-litellm for old callers.")
    max_request_size_mb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Largest request body in MiB; the smaller counts where limits.body_mb is given.")  # fmt: skip
    limits: Limits = Field(default_factory=Limits, description="What one request may take.")
    responses: KeptResponses = Field(default_factory=KeptResponses, description="What is kept of the Responses API.")
    allow_client_side_credentials: bool = Field(False, description="Callers may send api_base and credentials.")
    always_include_stream_usage: bool = Field(
        False, description="Ask for every stream's usage, to count it; callers see it if they ask.")  # fmt: skip
    cors_origins: TextList = Field((), description="Origins of browsers that may call; `*` for all.")
    direct_calls: bool = Field(
        True, description="Connections serve calls themselves; false: all goes through ASGI.")  # fmt: skip
    root_path: str = Field("", description="Path under which a reverse proxy serves the gateway.")
    use_x_forwarded_for: bool = Field(False, description="Read the caller's address from X-Forwarded-For.")
    trusted_proxy_ranges: TextList = Field((), description="Proxies whose X-Forwarded-For is believed (CIDR).")
    tls: Tls | None = Field(None, description="Serve https.")
    log: Log = Field(default_factory=Log, description="What is logged, and how.")
    ignore_unsupported: TextList = Field((), description="Protective keys that may be ignored, by name.")

    @field_validator("header_prefix")
    @classmethod
    def _is_header_name(cls, value: str) -> str:
        prefix = value.lower().rstrip("-")
        if not prefix or not all(char.isascii() and (char.isalnum() or char == "-") for char in prefix):
            raise ValueError("must be the beginning of a header name, such as x-nova")
        return prefix

    @field_validator("keys")
    @classmethod
    def _keys_differ(cls, value: tuple[StaticKey, ...]) -> tuple[StaticKey, ...]:
        seen: set[str] = set()
        for index, entry in enumerate(value):
            if entry.key.get_secret_value() in seen:
                raise misplaced("repeats the key of an earlier entry", index)
            seen.add(entry.key.get_secret_value())
        return value

    @property
    def body_limit_bytes(self) -> int:
        """The largest request body that is read."""
        given = [self.limits.body_mb] if "body_mb" in self.limits.model_fields_set else []
        if self.max_request_size_mb is not None:
            given.append(self.max_request_size_mb)
        return int(min(given or [self.limits.body_mb]) * 1024 * 1024)


class Compat(Section):
    """`compat`: old behaviour that people depend on, off unless switched on."""

    call_upstream_names: bool = Field(False, description="A deployment's upstream name can be called.")
    alias_needs_target: bool = Field(False, description="A key needs the alias and the group that it stands for.")
    tag_error_401: bool = Field(False, description="Tags that match nothing are 401 instead of 400.")
    reject_when_busy: bool = Field(False, description="A call above max_parallel_requests is 429 at once.")
    limits_only_weigh: bool = Field(False, description="rpm and tpm are weights and limit nothing.")
    special_fallbacks_only: bool = Field(
        False, description="Where context or content fallbacks are set, general ones never follow.")  # fmt: skip


def _price_is_number(value: dict[str, Any]) -> dict[str, Any]:
    for name in [name for name in value if is_price_key(name)]:
        try:
            value[name] = None if value[name] is None else float(value[name])
        except (TypeError, ValueError):
            raise misplaced("must be a number", name) from None
    return value


class _Priced(Section):
    """Any key about cost is a price in dollars."""

    @model_validator(mode="before")
    @classmethod
    def _prices(cls, value: Any) -> Any:
        return _price_is_number(dict(value)) if isinstance(value, dict) else value


class DeploymentParams(_Priced):
    """`params`, also written `litellm_params`. Keys not listed here are defaults for the call's own parameters."""

    model: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = Field(
        description="provider/model; `*` takes what `*` in model_name matched.")  # fmt: skip
    custom_llm_provider: str | None = Field(None, description="The provider, when model has no prefix.")
    api_base: str | None = Field(None, description="Where the upstream answers.")
    api_key: str | None = Field(None, description="Key for the upstream; write os.environ/NAME.")
    litellm_credential_name: str | None = Field(None, description="Entry of credential_list to take values from.")
    weight: Annotated[float, Field(ge=0)] | None = Field(None, description="Share of the group's calls.")
    rpm: Count | None = Field(None, description="Most requests a minute; serves as weight.")
    tpm: Count | None = Field(None, description="Most tokens a minute; serves as weight.")
    max_parallel_requests: Annotated[int, Field(gt=0)] | None = Field(None, description="Most calls at a time.")
    order: int | None = Field(None, description="Priority; deployments with a lower number are used first.")
    timeout: Seconds | None = Field(None, description="Seconds a call may take.")
    stream_timeout: Seconds | None = Field(None, description="Seconds until the first chunk of a stream.")
    num_retries: Count | None = Field(None, description="Attempts after the first; 0 means none.")
    max_retries: Count | None = Field(None, description="Another name of num_retries.")
    cooldown_time: Annotated[float, Field(ge=0)] | None = Field(None, description="Seconds of rest after failing.")
    tags: TextList = Field((), description="What tag filtering looks at.")
    extra_headers: dict[str, str] | None = Field(None, description="Headers added to upstream requests.")
    drop_params: bool | None = Field(None, description="Drop what the provider cannot express.")
    allowed_openai_params: TextList = Field((), description="Parameters passed on although not known.")
    additional_drop_params: TextList = Field((), description="Parameters never sent; nested paths allowed.")
    configurable_clientside_auth_params: list[Any] | None = Field(
        None, description="Parameters callers may set themselves.")  # fmt: skip
    mock_response: Any = Field(None, description="Answer with this without calling anyone.")
    input_cost_per_token: float | None = Field(None, description="Dollars a prompt token.")
    output_cost_per_token: float | None = Field(None, description="Dollars a completion token.")


class ModelInfo(_Priced):
    """`model_info`: facts about the deployment; further keys are kept for listings and plugins."""

    id: str | None = Field(None, description="Name of the deployment; callable, and shown in headers.")
    mode: str | None = Field(None, description="chat, completion, embedding, rerank, image_generation, …")
    base_model: str | None = Field(None, description="The model behind a private name, for prices and sizes.")
    embedding_space: str | dict[str, Any] | None = Field(None, description="Vectors of equal spaces may be compared.")
    cooldown_time: Annotated[float, Field(ge=0)] | None = Field(None, description="Seconds of rest after failing.")
    allowed_fails: Count | None = Field(None, description="Failures a minute before it rests.")
    allowed_fails_policy: AllowedFailsPolicy | None = Field(None, description="The same by kind of error.")
    max_input_tokens: Count | None = Field(None, description="Size of the context window.")
    max_output_tokens: Count | None = Field(None, description="Most tokens of a reply.")
    max_tokens: Count | None = Field(None, description="Another name of max_output_tokens.")
    max_batch_size: Count | None = Field(None, description="Most items of one embeddings request.")
    supported_modalities: TextList | None = Field(
        None, description="What a prompt may hold: text, image, audio, video, file.")  # fmt: skip
    supported_openai_params: TextList | None = Field(None, description="The request parameters it takes, all of them.")
    input_cost_per_token: float | None = Field(None, description="Dollars a prompt token.")
    output_cost_per_token: float | None = Field(None, description="Dollars a completion token.")


class Credential(Section):
    """An entry of `credential_list`, taken by deployments through `litellm_credential_name`."""

    credential_name: str = Field(description="What deployments refer to.")
    credential_values: dict[str, Any] = Field(default_factory=dict, repr=False, description="Params they get.")
    credential_info: dict[str, Any] = Field(default_factory=dict, description="Notes.")


class Guardrail(Section):
    """An entry of `guardrails`."""

    guardrail_name: str = Field(description="What requests and keys refer to.")
    params: dict[str, Any] = Field(repr=False, description="guardrail (which one), mode, default_on, …")
    guardrail_info: dict[str, Any] = Field(default_factory=dict, description="Notes for listings.")
