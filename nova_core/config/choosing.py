"""The sections about who is chosen: strategies, affinity, background health checks."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from nova_core.config.values import OwnSection, Section, TextList

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0)]


class StrategyArgs(Section):
    """`routing_strategy_args`; strategies of one's own may have other keys."""

    ttl: Positive | None = Field(None, description="Seconds after which a latency is forgotten; 3600 when absent.")
    decay_seconds: Positive | None = Field(None, description="How fast old latencies lose weight; 10 when absent.")
    lowest_latency_buffer: Share | None = Field(
        None, description="Choose among all this much slower (a share); absent: the better of two.")  # fmt: skip
    max_latency_list_size: Annotated[int, Field(gt=0)] | None = Field(
        None, description="Latest answers that ttft_percentile is taken of; 10 when absent.")  # fmt: skip
    ttft_percentile: Annotated[float, Field(ge=0, le=100)] | None = Field(
        None, description="Compare this percentile of the times to the first chunk.")  # fmt: skip


class RoutingGroup(OwnSection):
    """An entry of `routing_groups`: models with a strategy of their own, callable under its name."""

    group_name: str = Field(min_length=1, description="Name under which all its models can be called together.")
    models: TextList = Field(description="Model groups in it.")
    routing_strategy: str = Field("simple-shuffle", description="How one of their deployments is picked.")
    routing_strategy_args: StrategyArgs = Field(default_factory=StrategyArgs, description="As in router_settings.")
    model_priorities: dict[str, int] = Field(
        default_factory=dict, description="For strategy `priority`: model group to number, lower first.")  # fmt: skip


class HealthRouting(BaseModel):
    """Keys that `general_settings` and `router_settings` have in common."""

    enable_health_check_routing: bool = Field(False, description="Leave out what background checks found ill.")
    health_check_staleness_threshold: Positive | None = Field(
        None, description="Seconds after which a check says nothing; twice the interval when absent.")  # fmt: skip
    health_check_ignore_transient_errors: bool = Field(False, description="408 and 429 are no illness.")
    background_health_check_model_groups: TextList = Field((), description="Groups that are checked; empty: all.")


class BackgroundHealth(HealthRouting):
    """Keys of `general_settings` about background health checks."""

    background_health_checks: bool = Field(False, description="Ask every deployment from time to time.")
    health_check_interval: Positive = Field(300.0, description="Seconds between two rounds of checks.")
    health_check_concurrency: Annotated[int, Field(gt=0)] = Field(8, description="Most checks at a time.")
    health_check_timeout: Positive = Field(30.0, description="Seconds a deployment has to answer a check.")
    health_check_details: bool = Field(True, description="/health says what is wrong; false: only which.")
    use_shared_health_check: bool = Field(
        True, description="Workers and replicas that share state check once for all of them.")  # fmt: skip
    health_check_skip_disabled_background_models: bool = Field(
        False, description="/health leaves out deployments with disable_background_health_check.")  # fmt: skip


class Choosing(BaseModel):
    """Keys of `router_settings` about who is chosen."""

    routing_strategy: str = Field("simple-shuffle", description="How one of several deployments is picked.")
    routing_strategy_args: StrategyArgs = Field(default_factory=StrategyArgs, description="Its arguments.")
    custom_routing_strategy: str | None = Field(None, description="A strategy of one's own as module.attribute.")
    routing_groups: tuple[RoutingGroup, ...] = Field((), description="Models with a strategy of their own.")
    optional_pre_call_checks: TextList = Field(
        (), description="session_affinity, deployment_affinity, prompt_caching, adapter_affinity, …")  # fmt: skip
    deployment_affinity_ttl_seconds: Positive = Field(3600.0, description="How long a session stays where it is.")
    prompt_cache_ttl_seconds: Positive = Field(300.0, description="How long a prompt's prefix stays where it is.")
    prompt_cache_min_tokens: Annotated[int, Field(gt=0)] = Field(
        1024, description="Shorter prefixes stay nowhere.")  # fmt: skip
    model_group_affinity_config: dict[str, TextList] = Field(
        default_factory=dict, description="Model group to its own affinity checks.")  # fmt: skip
    adapter_poll_seconds: Positive = Field(15.0, description="How often servers are asked which adapters they hold.")
