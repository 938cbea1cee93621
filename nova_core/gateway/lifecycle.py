"""Starts and stops the plugins of one generation of configuration."""

from __future__ import annotations

import logging
from collections.abc import Collection

from nova_core.errors import ConfigurationError, NovaError
from nova_core.gateway.accounting import tell
from nova_core.plugins.compiler import EMPTY_PIPELINE, Pipeline, Step
from nova_core.types.plugin import GatewayView

logger = logging.getLogger("nova.gateway")


async def start_plugins(pipeline: Pipeline, view: GatewayView, *, beside: Pipeline = EMPTY_PIPELINE) -> None:
    """Start all or none: when one raises, those before it are stopped again. `beside`: what runs meanwhile.

    Raises ConfigurationError naming the plugin that could not start, or the NovaError that it raised.
    """
    waiting = {step.plugin for step in pipeline.startup}
    try:
        for step in pipeline.startup:
            await _start(step, view)
            waiting.discard(step.plugin)
    except BaseException:
        await stop_plugins(pipeline, view, beside=beside, never_started=waiting)
        raise


async def stop_plugins(
    pipeline: Pipeline, view: GatewayView, *, beside: Pipeline = EMPTY_PIPELINE, never_started: Collection[str] = ()
) -> None:
    """Stop what no other generation uses: modules, and instances that an entry point names, are shared by all."""
    used = {id(plugin.plugin) for plugin in beside.plugins}
    kept = {plugin.name for plugin in pipeline.plugins if id(plugin.plugin) in used}.union(never_started)
    await tell([step for step in pipeline.shutdown if step.plugin not in kept], view)


async def _start(step: Step, view: GatewayView) -> None:
    try:
        await step.ask(view)
    except NovaError:
        raise
    except Exception as error:
        logger.exception("plugin '%s': startup raised", step.plugin)
        raise ConfigurationError(f"plugin '{step.plugin}' could not start: {type(error).__name__}") from error
