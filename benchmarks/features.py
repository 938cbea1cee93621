"""What each feature of the core costs: the plainest configuration, and one more thing switched on at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.processes import Launch, StartError
from benchmarks.rounds import Bench, Running, interleaved
from benchmarks.rows import SMALL
from benchmarks.servers.contender import KEY, Contender, Site
from benchmarks.servers.nova import NOVA, serve

CONFIG = """\
model_list:
{models}
router_settings: {{{router}}}
general_settings: {{{general}}}
{more}
"""
MODEL = '  - {{model_name: gpt, params: {{model: custom_openai/up, api_base: "{base}", api_key: sk-upstream{params}}}}}'
ROUTER = "num_retries: 0, disable_cooldowns: true"
NO_LOG = "log: {access: false}"
OTHER_KEYS = ", ".join(f"{{key: sk-other-{number:020d}, name: other-{number}}}" for number in range(20))
MINE = f"{{key: {KEY}, name: bench}}"
PATTERNS = f'{{key: {KEY}, name: bench, models: ["other-*", "gpt*"]}}'
PLAINEST = "nothing on"


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration of this gateway; texts are YAML."""

    models: int = 1
    params: str = ""
    router: str = ROUTER
    general: str = NO_LOG
    more: str = ""

    def __call__(self, site: Site) -> Launch:
        model = MODEL.format(base=f"http://127.0.0.1:{site.upstream}/v1", params=self.params)
        models = "\n".join([model] * self.models)
        return serve(site, CONFIG.format(models=models, router=self.router, general=self.general, more=self.more))


FEATURES: Mapping[str, Configured] = {
    PLAINEST: Configured(),
    "a key": Configured(general=f"{NO_LOG}, keys: [{MINE}]"),
    "one of 21 keys": Configured(general=f"{NO_LOG}, keys: [{OTHER_KEYS}, {MINE}]"),
    "a key with two model patterns": Configured(general=f"{NO_LOG}, keys: [{PATTERNS}]"),
    "three deployments": Configured(models=3),
    "three weighted deployments": Configured(models=3, params=", weight: 2"),
    "two retries": Configured(router="num_retries: 2, disable_cooldowns: true"),
    "cooldowns": Configured(router="num_retries: 0"),
    "a deadline": Configured(router=f"{ROUTER}, timeout: 60"),
    "an alias and a fallback": Configured(
        router=f"{ROUTER}, model_group_alias: {{other: gpt}}, fallbacks: [{{gpt: [other]}}]"
    ),
    "tag filtering": Configured(models=2, params=", tags: [default]", router=f"{ROUTER}, enable_tag_filtering: true"),
    "prices": Configured(params=", input_cost_per_token: 0.000001, output_cost_per_token: 0.000002"),
    "a default parameter": Configured(params=", top_p: 0.9"),
    "an extra header upstream": Configured(params=", extra_headers: {x-team: bench}"),
    "six hooks": Configured(more="nova_settings: {callbacks: [watcher.watcher]}"),
    "the cache, always missed": Configured(more="nova_settings: {cache: true, cache_params: {ttl: 0.000001}}"),
    "access log, text": Configured(general="log: {access: true, format: text}"),
    "access log, JSON": Configured(general="log: {access: true, format: json}"),
    "all that the goals ask for": Configured(
        models=3,
        params=", input_cost_per_token: 0.000001, output_cost_per_token: 0.000002",
        router="num_retries: 2, timeout: 600",
        general=f"log: {{access: true}}, keys: [{PATTERNS}]",
        more="nova_settings: {callbacks: [watcher.watcher]}",
    ),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU µs of a call, and over the plainest configuration."""

    feature: str
    call: float
    over: float
    is_disturbed: bool


def costs(made: Bench, rounds: int) -> Sequence[Cost]:
    """Interleaved rounds over all configurations. One that does not start is said and left out."""
    started: list[Running] = []
    for name, configured in FEATURES.items():
        try:
            started.append(made.start(contender(name, configured)))
        except StartError as error:
            print(f"{name}: not measured: {error}", flush=True)
    results = interleaved(made, replace(SMALL, seconds=1.0), started, rounds)
    base = results[PLAINEST].median("cpu_call")
    return [
        Cost(name, result.median("cpu_call"), result.median("cpu_call") - base, result.is_disturbed)
        for name, result in results.items()
    ]


def contender(name: str, configured: Configured) -> Contender:
    """This gateway with another configuration."""
    return replace(NOVA, name=name, launch=configured)
