"""Compiles active plugins into an immutable pipeline: what runs, in which order, decided once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from nova_core.errors import ConfigurationError
from nova_core.plugins.active import ActivePlugin, Implementation
from nova_core.plugins.steps import Step, hook_parameters

__all__ = ["EMPTY_PIPELINE", "Layer", "Pipeline", "PipelineRow", "Step", "compile_pipeline", "describe"]

_LAYER_HOOKS = ("pre_call", "post_call", "post_call_stream")


@dataclass(frozen=True, slots=True)
class Layer:
    """One plugin around a call: asked inward with `pre`, outward with `post` or `stream`."""

    name: str
    pre: Step | None = None
    post: Step | None = None
    stream: Step | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What runs. Each tuple is in the order in which it is asked.

    `layers` is the inward order; an answer passes them backwards. `providers` and `provider_call` are keyed by
    provider name. `shutdown` is reversed already. `wants_chunks` says that some layer wraps streams.
    """

    layers: tuple[Layer, ...] = ()
    route_state: tuple[Step, ...] = ()
    route_select: tuple[Step, ...] = ()
    route_rank: tuple[Step, ...] = ()
    plan_call: tuple[Step, ...] = ()
    providers: Mapping[str, object] = field(default_factory=dict)
    provider_call: Mapping[str, Step] = field(default_factory=dict)
    attempt_started: tuple[Step, ...] = ()
    attempt_finished: tuple[Step, ...] = ()
    call_failed: tuple[Step, ...] = ()
    call_finished: tuple[Step, ...] = ()
    authenticate: tuple[Step, ...] = ()
    startup: tuple[Step, ...] = ()
    shutdown: tuple[Step, ...] = ()
    register_routes: tuple[Step, ...] = ()
    resolve_model: tuple[Step, ...] = ()
    provide_store: tuple[Step, ...] = ()
    register_config: tuple[Step, ...] = ()
    list_models: tuple[Step, ...] = ()
    describe_model: tuple[Step, ...] = ()
    wants_chunks: bool = False
    plugins: tuple[ActivePlugin, ...] = ()


EMPTY_PIPELINE = Pipeline()


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """A line of `nova plugins --pipeline`: the `position`th (from 1) that `hook` asks.

    `provider` is the provider name for rows of `provider_call`, where position says nothing.
    """

    hook: str
    position: int
    plugin: str
    distribution: str
    version: str
    is_async: bool
    provider: str = ""


def compile_pipeline(active: Sequence[ActivePlugin]) -> Pipeline:
    """The pipeline of these plugins; the order of `active` itself does not matter.

    Order: `tryfirst`, the rest, `trylast`; inside each by place in the configuration, then by name.
    Raises `ConfigurationError` when two plugins serve one provider name.
    """
    ordered = tuple(sorted(active, key=lambda plugin: (plugin.order, plugin.name)))
    owners = _provider_owners(ordered)
    layers = _layers(ordered)
    return Pipeline(
        layers=layers,
        plan_call=_steps(ordered, "plan_call"),
        route_state=_steps(ordered, "route_state"),
        route_select=_steps(ordered, "route_select"),
        route_rank=_steps(ordered, "route_rank"),
        providers=MappingProxyType({name: owner.plugin for name, owner in owners.items()}),
        provider_call=MappingProxyType({name: owner.impls["provider_call"].step for name, owner in owners.items()}),
        attempt_started=_steps(ordered, "attempt_started"),
        attempt_finished=_steps(ordered, "attempt_finished"),
        call_failed=_steps(ordered, "call_failed"),
        call_finished=_steps(ordered, "call_finished"),
        authenticate=_steps(ordered, "authenticate"),
        startup=_steps(ordered, "startup"),
        shutdown=_steps(ordered[::-1], "shutdown"),
        register_routes=_steps(ordered, "register_routes"),
        resolve_model=_steps(ordered, "resolve_model"),
        provide_store=_steps(ordered, "provide_store"),
        register_config=_steps(ordered, "register_config"),
        list_models=_steps(ordered, "list_models"),
        describe_model=_steps(ordered, "describe_model"),
        wants_chunks=any(layer.stream for layer in layers),
        plugins=ordered,
    )


def describe(pipeline: Pipeline) -> list[PipelineRow]:
    """What runs, hook by hook in the contract's order; made from the pipeline itself, so it cannot differ."""
    known = {plugin.name: plugin for plugin in pipeline.plugins}
    rows = []
    for hook in hook_parameters():
        providers = list(pipeline.provider_call) if hook == "provider_call" else []
        for index, step in enumerate(_steps_of(pipeline, hook)):
            plugin = known.get(step.plugin)
            rows.append(
                PipelineRow(
                    hook=hook,
                    position=index + 1,
                    plugin=step.plugin,
                    distribution=plugin.distribution if plugin else "",
                    version=plugin.version if plugin else "",
                    is_async=step.is_async,
                    provider=providers[index] if providers else "",
                )
            )
    return rows


def _steps_of(pipeline: Pipeline, hook: str) -> tuple[Step, ...]:
    inward, outward = pipeline.layers, pipeline.layers[::-1]
    if hook == "pre_call":
        return tuple(layer.pre for layer in inward if layer.pre)
    if hook == "post_call":
        return tuple(layer.post for layer in outward if layer.post)
    if hook == "post_call_stream":
        return tuple(layer.stream for layer in outward if layer.stream)
    if hook == "provider_call":
        return tuple(pipeline.provider_call.values())
    steps: tuple[Step, ...] = getattr(pipeline, hook)
    return steps


def _provider_owners(ordered: Iterable[ActivePlugin]) -> dict[str, ActivePlugin]:
    owners: dict[str, ActivePlugin] = {}
    for plugin in ordered:
        for name in plugin.names:
            if name in owners:
                raise ConfigurationError(
                    f"two plugins serve the provider {name!r}: {_owner(owners[name])} and {_owner(plugin)}",
                    hint="uninstall one of them",
                )
            owners[name] = plugin
    return owners


def _owner(plugin: ActivePlugin) -> str:
    return f"{plugin.name} ({plugin.distribution})" if plugin.distribution else plugin.name


def _steps(ordered: Iterable[ActivePlugin], hook: str) -> tuple[Step, ...]:
    impls = [plugin.impls[hook] for plugin in ordered if hook in plugin.impls]
    return tuple(impl.step for impl in sorted(impls, key=_rank))


def _layers(ordered: Iterable[ActivePlugin]) -> tuple[Layer, ...]:
    around = [plugin for plugin in ordered if any(hook in plugin.impls for hook in _LAYER_HOOKS)]
    return tuple(_layer(plugin) for plugin in sorted(around, key=_layer_rank))


def _layer(plugin: ActivePlugin) -> Layer:
    pre, post, stream = (_step(plugin, hook) for hook in _LAYER_HOOKS)
    return Layer(plugin.name, pre=pre, post=post, stream=stream)


def _step(plugin: ActivePlugin, hook: str) -> Step | None:
    return plugin.impls[hook].step if hook in plugin.impls else None


def _rank(impl: Implementation) -> int:
    return 1 if impl.trylast else -1 if impl.tryfirst else 0


def _layer_rank(plugin: ActivePlugin) -> int:
    """Where the layer stands inward. Outward is the reverse, so a layer without `pre_call` stands inverted."""
    if "pre_call" in plugin.impls:
        return _rank(plugin.impls["pre_call"])
    outward = plugin.impls.get("post_call") or plugin.impls["post_call_stream"]
    return -_rank(outward)
