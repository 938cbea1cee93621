"""What runs, in which order: decided once, from what plugins ask for and the configuration says."""

from __future__ import annotations

import random
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core import hookspecs
from nova_core.errors import ConfigurationError
from nova_core.hookspecs import NovaSpec, hookimpl
from nova_core.plugins.active import ActivePlugin, PluginRefusedError, activate
from nova_core.plugins.compiler import EMPTY_PIPELINE, compile_pipeline, describe
from nova_core.plugins.steps import SYNC_HOOKS, hook_parameters


def plugin_with(*, order: int = 0, name: str = "p", providers: tuple[str, ...] = (), **hooks) -> ActivePlugin:
    methods = {hook: hookimpl(**options)(_hook(hook)) for hook, options in hooks.items()}
    return activate(type("Plugin", (), methods)(), name=name, order=order, providers=providers)


def _hook(hook: str):
    def implementation(self):
        return hook

    implementation.__name__ = hook
    return implementation


def names(steps) -> list[str]:
    return [step.plugin for step in steps]


FIRST, LAST, PLAIN = {"tryfirst": True}, {"trylast": True}, {}


def test_order_is_tryfirst_then_the_rest_then_trylast_each_by_configuration_then_name():
    active = [
        plugin_with(name="late", order=0, route_select=LAST),
        plugin_with(name="second", order=2, route_select=PLAIN),
        plugin_with(name="b-unnamed", order=9, route_select=PLAIN),
        plugin_with(name="a-unnamed", order=9, route_select=PLAIN),
        plugin_with(name="first", order=1, route_select=PLAIN),
        plugin_with(name="early", order=8, route_select=FIRST),
    ]
    steps = compile_pipeline(active).route_select
    assert names(steps) == ["early", "first", "second", "a-unnamed", "b-unnamed", "late"]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([FIRST, LAST, PLAIN])), max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_order_depends_on_the_plugins_and_not_on_how_they_are_listed(places, shuffler: random.Random):
    active = [
        plugin_with(name=f"p{index}", order=order, pre_call=options, call_finished=options, shutdown=options)
        for index, (order, options) in enumerate(places)
    ]
    shuffled = list(active)
    shuffler.shuffle(shuffled)
    assert compile_pipeline(shuffled) == compile_pipeline(active)

    wished = {id(FIRST): -1, id(PLAIN): 0, id(LAST): 1}
    ranks = {f"p{i}": (wished[id(options)], order, f"p{i}") for i, (order, options) in enumerate(places)}
    ran = names(compile_pipeline(shuffled).call_finished)
    assert ran == sorted(ranks, key=lambda name: ranks[name])


def test_layers_enclose_each_other_like_an_onion():
    pipeline = compile_pipeline(
        [plugin_with(name=name, order=i, pre_call=PLAIN, post_call=PLAIN) for i, name in enumerate("abc")]
    )
    rows = describe(pipeline)
    assert [row.plugin for row in rows if row.hook == "pre_call"] == ["a", "b", "c"]
    assert [row.plugin for row in rows if row.hook == "post_call"] == ["c", "b", "a"]


def test_what_pre_call_asks_for_decides_the_place_of_the_whole_layer():
    pipeline = compile_pipeline(
        [
            plugin_with(name="a", order=0, pre_call=PLAIN, post_call=PLAIN),
            plugin_with(name="outermost", order=1, pre_call=FIRST, post_call=FIRST),
        ]
    )
    assert [layer.name for layer in pipeline.layers] == ["outermost", "a"]


def test_a_layer_without_pre_call_stands_so_that_post_call_runs_when_it_asked_to():
    pipeline = compile_pipeline(
        [
            plugin_with(name="a", order=0, pre_call=PLAIN, post_call=PLAIN),
            plugin_with(name="sees-it-first", order=1, post_call=FIRST),
            plugin_with(name="sees-it-last", order=2, post_call=LAST),
            plugin_with(name="stream-last", order=3, post_call_stream=LAST),
        ]
    )
    assert [layer.name for layer in pipeline.layers] == ["sees-it-last", "stream-last", "a", "sees-it-first"]
    assert pipeline.layers[0].pre is None
    assert pipeline.layers[1].stream is not None


def test_chunks_are_wanted_only_when_a_layer_wraps_streams():
    assert not compile_pipeline([plugin_with(pre_call=PLAIN, post_call=PLAIN)]).wants_chunks
    assert compile_pipeline([plugin_with(post_call_stream=PLAIN)]).wants_chunks


def test_shutdown_runs_in_reverse_and_startup_in_order():
    active = [plugin_with(name=name, order=i, startup=PLAIN, shutdown=PLAIN) for i, name in enumerate("abc")]
    active.append(plugin_with(name="goes-first", order=9, shutdown=FIRST))
    pipeline = compile_pipeline(active)
    assert names(pipeline.startup) == ["a", "b", "c"]
    assert names(pipeline.shutdown) == ["goes-first", "c", "b", "a"]


def test_providers_are_found_by_each_of_their_names():
    plugin = plugin_with(name="acme", providers=("acme", "acme-text"), provider_call=PLAIN)
    pipeline = compile_pipeline([plugin])
    assert pipeline.providers == {"acme": plugin.plugin, "acme-text": plugin.plugin}
    assert pipeline.provider_call["acme"] is pipeline.provider_call["acme-text"]


def test_two_plugins_for_one_provider_name_are_refused_by_both_names():
    one = plugin_with(name="one", providers=("acme",), provider_call=PLAIN)
    two = replace(plugin_with(name="two", providers=("acme",), provider_call=PLAIN), distribution="other-acme")
    with pytest.raises(ConfigurationError, match=r"'acme': one and two \(other-acme\)"):
        compile_pipeline([one, two])


def test_every_hook_of_the_contract_has_its_place_in_the_pipeline_and_the_description():
    hooks = dict.fromkeys(hook_parameters(), PLAIN)
    rows = describe(compile_pipeline([plugin_with(providers=("acme",), **hooks)]))
    assert [row.hook for row in rows] == list(hook_parameters())


def test_the_description_tells_position_distribution_and_how_it_is_called():
    class Both:
        @hookimpl
        async def pre_call(self, call):
            return None

        @hookimpl
        def provider_call(self, call):
            return None

    active = replace(activate(Both(), name="both", providers=("acme",)), distribution="nova-plugin-both", version="3")
    pre, provider = describe(compile_pipeline([active]))
    assert (pre.hook, pre.position, pre.plugin, pre.distribution, pre.version) == (
        "pre_call", 1, "both", "nova-plugin-both", "3",
    )  # fmt: skip
    assert (pre.is_async, provider.is_async, provider.provider) == (True, False, "acme")


def test_the_empty_pipeline_runs_nothing_and_cannot_be_changed():
    assert describe(EMPTY_PIPELINE) == []
    with pytest.raises(FrozenInstanceError):
        EMPTY_PIPELINE.wants_chunks = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        compile_pipeline([]).providers["x"] = object()  # type: ignore[index]


def test_sync_hooks_are_those_that_the_contract_documents_as_sync():
    documented = {name for name in hook_parameters() if "*Sync*" in (getattr(NovaSpec, name).__doc__ or "")}
    assert documented == SYNC_HOOKS


def accepted(**methods) -> ActivePlugin:
    return activate(type("Plugin", (), methods)(), name="p")


async def test_an_implementation_with_the_same_parameters_is_called_without_a_wrapper():
    class Exact:
        @hookimpl
        def pre_call(self, call, request):
            return call, request

    plugin = Exact()
    step = activate(plugin, name="p").impls["pre_call"].step
    assert step.call == plugin.pre_call
    assert await step.ask(1, 2) == (1, 2)


@pytest.mark.parametrize(
    ("implementation", "answer"),
    [
        (lambda self: (), ()),
        (lambda self, request: (request,), (2,)),
        (lambda self, deployment, call: (deployment, call), (3, 1)),
        (lambda self, call, request, deployment, extra=4: (call, request, deployment, extra), (1, 2, 3, 4)),
        (lambda self, request, deployment=None: (request, deployment), (2, 3)),
    ],
)
async def test_an_implementation_gets_the_parameters_it_names_in_its_own_order(implementation, answer):
    step = accepted(provider_call=hookimpl(implementation)).impls["provider_call"].step
    assert not step.is_async
    assert await step.ask(1, 2, 3) == answer


async def test_async_implementations_are_awaited_whatever_they_take():
    class Late:
        @hookimpl
        async def pre_call(self, request):
            return request

        @hookimpl
        async def post_call(self, call, request, reply):
            return reply

    impls = activate(Late(), name="p").impls
    assert impls["pre_call"].step.is_async
    assert await impls["pre_call"].step.ask(1, 2) == 2
    assert await impls["post_call"].step.ask(1, 2, 3) == 3


async def test_an_async_generator_wraps_a_stream_and_counts_as_sync():
    class Shouting:
        @hookimpl
        async def post_call_stream(self, chunks):
            async for chunk in chunks:
                yield chunk.upper()

    async def chunks():
        yield "a"
        yield "b"

    step = activate(Shouting(), name="p").impls["post_call_stream"].step
    assert not step.is_async
    assert [chunk async for chunk in step.call(None, None, chunks())] == ["A", "B"]


def test_static_class_and_renamed_implementations_work():
    class Odd:
        @staticmethod
        @hookimpl
        def pre_call(call):
            return "static"

        @hookimpl(specname="post_call")
        def after(self, reply):
            return reply

    impls = activate(Odd(), name="p").impls
    assert impls["pre_call"].step.call(1, 2) == "static"
    assert impls["post_call"].step.call(1, 2, 3) == 3


async def _async(self):
    return None


async def _async_generator(self):
    yield None


def _generator(self):
    yield None


def _hides(function):
    import functools

    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@pytest.mark.parametrize("hook", sorted(SYNC_HOOKS))
def test_an_async_implementation_of_a_sync_hook_is_refused_by_name(hook):
    with pytest.raises(PluginRefusedError, match=f"its {hook} is async, and this hook must be a plain function"):
        accepted(**{hook: hookimpl(_async)})


@pytest.mark.parametrize(
    ("hook", "implementation", "reason"),
    [
        ("pre_cal", lambda self: None, r"'pre_cal', which is no hook of this gateway \(did you mean pre_call\?\)"),
        ("pre_call", lambda self, data: None, "data"),
        ("pre_call", lambda self, *args: None, r"takes \*args; name the parameters it wants: call, request"),
        ("pre_call", lambda self, *, call: None, "'call' by keyword only"),
        ("pre_call", lambda self, own=1, call=None: None, "'own' before 'call'"),
        ("pre_call", _async_generator, "only post_call_stream may be one"),
        ("pre_call", _generator, "is a generator"),
        ("pre_call", _hides(_async), "async under a decorator"),
    ],
)
def test_an_implementation_that_breaks_the_contract_is_refused_with_what_to_change(hook, implementation, reason):
    with pytest.raises(PluginRefusedError, match=reason):
        accepted(**{hook: hookimpl(implementation)})


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper"])
def test_wrappers_are_refused(option):
    with pytest.raises(PluginRefusedError, match="its pre_call is a wrapper"):
        accepted(pre_call=hookimpl(**{option: True})(_generator))


def test_one_hook_implemented_twice_is_refused():
    with pytest.raises(PluginRefusedError, match="implements pre_call twice"):
        accepted(pre_call=hookimpl(lambda self: None), other=hookimpl(specname="pre_call")(lambda self: None))


def test_an_unknown_hook_that_the_plugin_calls_optional_is_left_alone():
    plugin = accepted(later=hookimpl(optionalhook=True)(lambda self: None), pre_call=hookimpl(lambda self: None))
    assert list(plugin.impls) == ["pre_call"]


@pytest.mark.parametrize("plugin", [object(), hookspecs, None])
def test_an_object_without_hooks_is_refused(plugin):
    with pytest.raises(PluginRefusedError, match=r"no hook|None"):
        activate(plugin, name="p")


def test_a_provider_without_provider_call_is_refused():
    with pytest.raises(PluginRefusedError, match="named as provider acme but has no provider_call"):
        plugin_with(providers=("acme",), pre_call=PLAIN)
