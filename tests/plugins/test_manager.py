"""What the configuration names is loaded; what is broken is reported by name and takes nothing else down."""

from __future__ import annotations

import sys

import pytest

from nova_core.errors import ConfigurationError
from nova_core.plugins.compiler import compile_pipeline
from nova_core.plugins.discovery import PLUGINS, PROVIDERS, Installed
from nova_core.plugins.manager import Named, load_plugins

PROVIDER = """
    from nova_core.hookspecs import hookimpl

    class Acme:
        @hookimpl
        def provider_call(self, call, request, deployment):
            return None

    plugin = Acme()
"""
PACK = "nova-plugin-openai-compatible"
CONFIGURED = """
from nova_core import hookimpl

class plugin:
    @hookimpl
    def register_config(self):
        return {}
"""
HOOK = """
    from nova_core.hookspecs import hookimpl

    class Hook:
        @hookimpl
        def pre_call(self, request):
            return None

    plugin = Hook()
"""


def provider(name: str) -> Named:
    return Named(name, "provider", f"model_list {name}")


def plugin(name: str) -> Named:
    return Named(name, "plugin", "plugins")


def callback(name: str) -> Named:
    return Named(name, "callback", "callbacks")


def test_only_what_is_named_is_imported(site):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "acme_a:plugin"}}, {"acme_a": PROVIDER})
    site.add("nova-plugin-other", {PROVIDERS: {"other": "acme_b:plugin"}}, {"acme_b": PROVIDER})

    assert load_plugins(site.discover(), []).active == ()
    assert site.imported() == set()

    loaded = load_plugins(site.discover(), [provider("acme")])
    assert site.imported() == {"acme_a"}
    (active,) = loaded.active
    assert (active.name, active.kind, active.names) == ("acme", "provider", ("acme",))
    assert (active.distribution, active.version) == ("nova-plugin-acme", "1.2.3")
    assert loaded.broken == ()


def test_auto_enables_all_that_is_installed_after_what_is_named_in_order_of_name(site):
    for name in ("zeta", "beta", "alpha"):
        site.add(f"nova-plugin-{name}", {PLUGINS: {name: f"auto_{name}:plugin"}}, {f"auto_{name}": HOOK})

    loaded = load_plugins(site.discover(), [plugin("zeta")], auto=True)

    assert [layer.name for layer in compile_pipeline(loaded.active).layers] == ["zeta", "alpha", "beta"]


def test_the_order_of_the_configuration_is_the_order_of_the_pipeline(site):
    names = ["alpha", "beta", "gamma"]
    for name in names:
        site.add(f"nova-plugin-{name}", {PLUGINS: {name: f"order_{name}:plugin"}}, {f"order_{name}": HOOK})
    for order in (names, names[::-1]):
        loaded = load_plugins(site.discover(), [plugin(name) for name in order])
        assert [layer.name for layer in compile_pipeline(loaded.active).layers] == order


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_here", "ModuleNotFoundError: No module named 'no_such_module_here' (broken_mod.py:1)"),
        ("1 / 0", "ZeroDivisionError: division by zero (broken_mod.py:1)"),
        ("def f(:", "SyntaxError"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("class Panic(BaseException): ...\nraise Panic('lost')", "Panic: lost"),
        ("other = 1", "AttributeError"),
        ("plugin = None", "the plugin object is None"),
        ("plugin = 3", "the int object implements no hook"),
        ("class plugin:\n    def __init__(self, key): ...", "plugin() cannot be made: TypeError"),
        ("class plugin:\n    requires = 'tags'", "`requires` is not a tuple"),
        ("class plugin:\n    requires = property(lambda self: 1 / 0)", "`requires` cannot be read: ZeroDivisionError"),
        ("raise ValueError('bad key sk-abcdefghijkl')", "ValueError: bad key ***"),
        (CONFIGURED.format("1 / 0"), "its register_config raised ZeroDivisionError"),
        (CONFIGURED.format("['router_settings']"), "must answer a list of ConfigSection"),
    ],
)
def test_a_broken_plugin_is_reported_by_distribution_and_the_others_work(site, source, reason):
    site.add("nova-plugin-bad", {PLUGINS: {"bad": "broken_mod:plugin"}}, {"broken_mod": source})
    site.add("nova-plugin-good", {PLUGINS: {"good": "good_mod:plugin"}}, {"good_mod": HOOK})

    loaded = load_plugins(site.discover(), [plugin("bad"), plugin("good")])

    assert [active.name for active in loaded.active] == ["good"]
    (broken,) = loaded.broken
    assert reason in broken.reason
    assert (broken.name, broken.distribution, broken.why) == ("bad", "nova-plugin-bad", "plugins")
    assert broken.mend == "pip install --upgrade nova-plugin-bad, or tell its authors"
    assert not broken.fatal


def test_ctrl_c_during_an_import_is_not_swallowed(site):
    modules = {"interrupted_mod": "raise KeyboardInterrupt"}
    site.add("nova-plugin-bad", {PLUGINS: {"bad": "interrupted_mod:plugin"}}, modules)
    with pytest.raises(KeyboardInterrupt):
        load_plugins(site.discover(), [plugin("bad")])


def test_an_unknown_hook_is_reported_with_the_nearest_name_and_nothing_of_the_plugin_runs(site):
    source = HOOK + "\n        @hookimpl\n        def post_cal(self, reply): ...\n\n    plugin = Hook()\n"
    source = source.replace("plugin = Hook()", "", 1)
    site.add("nova-plugin-typo", {PLUGINS: {"typo": "typo_mod:plugin"}}, {"typo_mod": source})

    loaded = load_plugins(site.discover(), [plugin("typo")])

    assert loaded.active == ()
    (broken,) = loaded.broken
    assert broken.reason == "it implements 'post_cal', which is no hook of this gateway (did you mean post_call?)"


def test_a_parameter_that_the_hook_does_not_have_is_reported(site):
    site.add("nova-plugin-p", {PLUGINS: {"p": "param_mod:plugin"}}, {"param_mod": HOOK.replace("request", "data")})
    (broken,) = load_plugins(site.discover(), [plugin("p")]).broken
    assert "data" in broken.reason
    assert "pre_call" in broken.reason


def test_a_plugin_for_another_core_is_reported_and_not_imported(site):
    entries = {PROVIDERS: {"new": "new_mod:plugin"}}
    site.add("nova-plugin-new", entries, {"new_mod": PROVIDER}, requires=["nova-core>=99"])

    loaded = load_plugins(site.discover(), [provider("new")])

    (broken,) = loaded.broken
    assert "it works with nova-core >=99" in broken.reason
    assert broken.mend == "pip install --upgrade nova-plugin-new"
    assert loaded.broken_provider("new") is broken
    assert site.imported() == set()


def test_two_owners_of_a_named_provider_refuse_the_start_and_neither_is_imported(site):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "dup_a:plugin"}}, {"dup_a": PROVIDER})
    site.add("other-acme", {PROVIDERS: {"acme": "dup_b:plugin"}}, {"dup_b": PROVIDER})

    loaded = load_plugins(site.discover(), [provider("acme")])

    assert site.imported() == set()
    with pytest.raises(ConfigurationError, match=r"nova-plugin-acme and other-acme.*pip uninstall other-acme"):
        loaded.refuse_fatal()


def test_two_owners_of_a_name_that_nobody_named_do_not_stop_anything(site):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme": "dup_a:plugin", "fine": "dup_a:plugin"}}, {"dup_a": PROVIDER})
    site.add("other-acme", {PROVIDERS: {"acme": "dup_b:plugin"}}, {"dup_b": PROVIDER})
    loaded = load_plugins(site.discover(), [provider("fine")])
    loaded.refuse_fatal()
    assert [active.name for active in loaded.active] == ["fine"]


def test_one_object_under_several_names_is_one_plugin(site):
    target = "shared_mod:plugin"
    entries = {PROVIDERS: {"acme": target, "acme-text": target}, PLUGINS: {"x": target}}
    site.add("nova-plugin-acme", entries, {"shared_mod": PROVIDER})

    loaded = load_plugins(site.discover(), [provider("acme"), plugin("x"), provider("acme-text")])

    (active,) = loaded.active
    assert (active.names, active.known_as) == (("acme", "acme-text"), ("x",))
    assert set(compile_pipeline(loaded.active).provider_call) == {"acme", "acme-text"}


def test_a_class_is_instantiated_once_and_a_module_is_used_as_it_is(site):
    source = PROVIDER + "\n    @hookimpl\n    def pre_call(request): ...\n"
    entries = {PROVIDERS: {"a": "forms_mod:Acme", "b": "forms_mod:Acme"}, PLUGINS: {"whole": "forms_mod"}}
    site.add("nova-plugin-forms", entries, {"forms_mod": source})

    loaded = load_plugins(site.discover(), [provider("a"), provider("b"), plugin("whole")])

    assert [(active.name, active.names) for active in loaded.active] == [("a", ("a", "b")), ("whole", ())]
    assert loaded.active[1].plugin is sys.modules["forms_mod"]


def test_different_objects_of_one_name_stay_apart(site):
    entries = {PROVIDERS: {"echo": "two_mod:plugin"}, PLUGINS: {"echo": "two_hook:plugin"}}
    site.add("nova-plugin-two", entries, {"two_mod": PROVIDER, "two_hook": HOOK})
    loaded = load_plugins(site.discover(), [provider("echo"), plugin("echo")])
    assert [active.name for active in loaded.active] == ["echo", "echo-plugin"]


@pytest.mark.parametrize(
    ("named", "mend"),
    [
        (plugin("amber.v2"), "put amber.py beside the configuration, or pip install nova-plugin-amber-v2"),
        (plugin("guardrail_pii"), "pip install nova-plugin-guardrail-pii"),
        (callback("nova_task_router"), "pip install nova-plugin-embeddings"),
        (callback("some.house.nova_task_router"), "pip install nova-plugin-embeddings"),
        (provider("acme_ai"), f"pip install nova-plugin-acme-ai (or {PACK} for OpenAI-compatible vendors)"),
    ],
)
def test_what_is_missing_is_reported_with_the_pip_line(named, mend):
    (broken,) = load_plugins(Installed(), [named]).broken
    assert broken.missing
    assert broken.mend == mend
    assert broken.distribution == ""
    assert broken.why in str(broken)


def test_what_is_missing_is_compared_with_what_is_installed(site):
    site.add("nova-plugin-acme", {PROVIDERS: {"acme_ai": "a:plugin"}})
    (broken,) = load_plugins(site.discover(), [provider("acmeai")]).broken
    assert broken.reason == "no plugin of this name is installed (did you mean acme_ai?)"


def test_naming_something_twice_counts_once():
    assert len(load_plugins(Installed(), [callback("x"), plugin("x"), callback("x")]).broken) == 1


def requiring(*names: str) -> str:
    return HOOK.replace("class Hook:", f"class Hook:\n        requires = {names!r}\n")


def test_what_a_plugin_requires_is_pulled_in_after_what_is_named_and_is_inert_otherwise(site):
    site.add("nova-plugin-tags", {PLUGINS: {"tags": "req_tags:plugin"}}, {"req_tags": requiring("upstream")})
    site.add("nova-plugin-up", {PROVIDERS: {"upstream": "req_up:plugin"}}, {"req_up": PROVIDER})
    site.add("nova-plugin-tasks", {PLUGINS: {"tasks": "req_tasks:plugin"}}, {"req_tasks": requiring("tags", "tasks")})
    site.add("nova-plugin-last", {PLUGINS: {"last": "req_last:plugin"}}, {"req_last": HOOK})

    assert [active.name for active in load_plugins(site.discover(), [plugin("last")]).active] == ["last"]

    loaded = load_plugins(site.discover(), [plugin("tasks"), plugin("last")])
    assert loaded.broken == ()
    assert [layer.name for layer in compile_pipeline(loaded.active).layers] == ["tasks", "last", "tags"]
    assert set(compile_pipeline(loaded.active).providers) == {"upstream"}


def test_what_requires_something_broken_is_broken_too_all_the_way(site):
    site.add("nova-plugin-a", {PLUGINS: {"a": "chain_a:plugin"}}, {"chain_a": requiring("b")})
    site.add("nova-plugin-b", {PLUGINS: {"b": "chain_b:plugin"}}, {"chain_b": requiring("c")})
    site.add("nova-plugin-d", {PLUGINS: {"d": "chain_d:plugin"}}, {"chain_d": HOOK})

    loaded = load_plugins(site.discover(), [plugin("a"), plugin("d")])

    assert [active.name for active in loaded.active] == ["d"]
    told = {broken.name: (broken.reason, broken.why) for broken in loaded.broken}
    assert told == {
        "c": ("no plugin of this name is installed", "required by b"),
        "b": ("it requires 'c', which is not usable", "required by a"),
        "a": ("it requires 'b', which is not usable", "plugins"),
    }


def test_plugins_that_require_each_other_work(site):
    site.add("nova-plugin-a", {PLUGINS: {"a": "ring_a:plugin"}}, {"ring_a": requiring("b")})
    site.add("nova-plugin-b", {PLUGINS: {"b": "ring_b:plugin"}}, {"ring_b": requiring("a")})
    loaded = load_plugins(site.discover(), [plugin("a")])
    assert sorted(active.name for active in loaded.active) == ["a", "b"]


def test_an_entry_point_whose_name_is_a_dotted_path_wins_over_importing_that_path(site):
    dotted = "some.house.hooks.task_router"
    target = "dotted_mod:plugin"
    site.add("nova-plugin-tasks", {PLUGINS: {dotted: target, "task_router": target}}, {"dotted_mod": HOOK})

    loaded = load_plugins(site.discover(), [callback(dotted), callback("task_router")])

    (active,) = loaded.active
    assert active.known_as == (dotted, "task_router")
    assert active.distribution == "nova-plugin-tasks"


def test_loading_twice_makes_two_independent_sets(site):
    site.add("nova-plugin-good", {PLUGINS: {"good": "again_mod:Hook"}}, {"again_mod": HOOK})
    first, second = (load_plugins(site.discover(), [plugin("good")]).active[0] for _ in range(2))
    assert first.plugin is not second.plugin
