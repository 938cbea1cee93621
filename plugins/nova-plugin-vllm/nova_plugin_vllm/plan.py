"""What an engine is started with: `engine_args` of a deployment as vLLM's command line has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_core.errors import ConfigurationError
from nova_core.types.deployment import Deployment

ENGINE_ARGS = "engine_args"
PRELOAD = "preload"
DEFAULTS: Mapping[str, Any] = {
    "disable_log_stats": True,
    "disable_fastapi_docs": True,
    "enable_prompt_tokens_details": True,
}
"""What is said unless the operator says otherwise: counts of cached tokens, and no pages or log of vLLM's own."""
OF_A_SERVER = frozenset(
    {
        "allow_credentials", "allowed_headers", "allowed_methods", "allowed_origins", "api_key", "api_server_count",
        "config", "grpc", "grpc_port", "headless", "host", "middleware", "model_tag", "port", "root_path",
        "served_model_name", "ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_ciphers", "ssl_keyfile",
        "reasoning_parser_plugin", "tool_parser_plugin", "tool_server", "uds",
    }
)  # fmt: skip
"""Arguments of `vllm serve` about its server; parsers of one's own come as plugins of vLLM (`vllm.general_plugins`)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One engine. `model` is what it loads and answers to, `arguments` those of `vllm serve` without the model."""

    model: str
    arguments: tuple[str, ...] = field(default=(), repr=False)  # may hold a token of a hub
    adapters: frozenset[str] = frozenset()
    calls_tools: bool = False
    reasons: bool = False

    def name_of(self, model: str) -> str:
        """What a deployment's model is called inside: its own name if it is an adapter's, else the engine's."""
        return model if model in self.adapters else self.model


def plan_of(deployment: Deployment) -> Plan:
    """The engine of a deployment. Raises ConfigurationError for arguments that cannot be meant."""
    given = deployment.settings.get(ENGINE_ARGS) or {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ConfigurationError(f"`{ENGINE_ARGS}` of {deployment.model} must be a mapping of names to values")
    named = {name.lstrip("-").replace("-", "_"): value for name, value in given.items()}
    if meaningless := sorted(named.keys() & OF_A_SERVER):
        raise ConfigurationError(f"`{ENGINE_ARGS}.{meaningless[0]}` is about a server of vLLM's own, and here is none")
    model = named.pop("model", None) or deployment.model
    if not isinstance(model, str):
        raise ConfigurationError(f"`{ENGINE_ARGS}.model` must be a name or a folder")
    calls_tools = bool(named.get("tool_call_parser"))
    said = {**DEFAULTS, **({"enable_auto_tool_choice": True} if calls_tools else {}), **named}
    return Plan(
        model,
        tuple(_command_line(said)),
        frozenset(_adapters(said.get("lora_modules"))),
        calls_tools,
        bool(said.get("reasoning_parser")),
    )


def _command_line(arguments: Mapping[str, Any]) -> Iterator[str]:
    """As `vllm serve --config` reads them: switches by name, lists as several values, mappings as JSON."""
    for name, value in sorted(arguments.items()):
        option = name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{option}" if value else f"--no-{option}"
        elif isinstance(value, list):
            yield from (f"--{option}", *(_word(item) for item in value))
        elif value is not None:
            yield f"--{option}={_word(value)}"


def _word(value: Any) -> str:
    return json.dumps(value) if isinstance(value, Mapping | list) else str(value)


def _adapters(modules: Any) -> Iterator[str]:
    """Names of LoRA adapters: `NAME=PATH`, or mappings with a `name`."""
    for module in modules if isinstance(modules, list) else ():
        name = module.get("name") if isinstance(module, Mapping) else str(module).partition("=")[0]
        if isinstance(name, str):
            yield name
