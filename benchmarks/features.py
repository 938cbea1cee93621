"""Configurations of this gateway: the plainest one, and one more thing of the core switched on at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.processes import Launch
from benchmarks.servers.contender import KEY, Site
from benchmarks.servers.nova import serve

CONFIG = """\
model_list:
{models}
router_settings: {{{router}}}
general_settings: {{{general}}}
{more}
"""
MODEL = '  - {{model_name: gpt, params: {{model: custom_openai/up, api_base: "{base}", api_key: sk-upstream{params}}}}}'
ROUTER = "num_retries: 0, disable_cooldowns: true"
NO_LOG = "limits: {decisions: 0}, log: {access: false}"
OTHER_KEYS = ", ".join(f"{{key: sk-other-{number:020d}, name: other-{number}}}" for number in range(20))
MINE = f"{{key: {KEY}, name: bench}}"
PATTERNS = f'{{key: {KEY}, name: bench, models: ["other-*", "gpt*"]}}'
PLAINEST = "nothing on"
AGAIN = "nothing on, in a process of its own"
"""Costs nothing: what is measured for it shows how far the others can be trusted."""


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration; texts are YAML."""

    models: int = 1
    params: str = ""
    router: str = ROUTER
    general: str = NO_LOG
    more: str = ""

    def text(self, upstream: int) -> str:
        """The file, for an upstream on this port."""
        model = MODEL.format(base=f"http://127.0.0.1:{upstream}/v1", params=self.params)
        models = "\n".join([model] * self.models)
        return CONFIG.format(models=models, router=self.router, general=self.general, more=self.more)

    def __call__(self, site: Site) -> Launch:
        return serve(site, self.text(site.upstream))


FEATURES: Mapping[str, Configured] = {
    PLAINEST: Configured(),
    AGAIN: Configured(),
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
    "limits of calls and tokens a minute": Configured(params=", rpm: 100000000, tpm: 100000000000"),
    "a limit of calls at a time": Configured(params=", max_parallel_requests: 1000"),
    "checks whether the prompt fits": Configured(router=f"{ROUTER}, enable_pre_call_checks: true"),
    "prices": Configured(params=", input_cost_per_token: 0.000001, output_cost_per_token: 0.000002"),
    "a default parameter": Configured(params=", top_p: 0.9"),
    "an extra header upstream": Configured(params=", extra_headers: {x-team: bench}"),
    "six hooks": Configured(more="nova_settings: {callbacks: [watcher.watcher]}"),
    "the cache, always missed": Configured(more="nova_settings: {cache: true, cache_params: {ttl: 0.000001}}"),
    "the last 1,000 decisions kept": Configured(general="log: {access: false}"),
    "access log, text": Configured(general="limits: {decisions: 0}, log: {access: true, format: text}"),
    "access log, JSON": Configured(general="limits: {decisions: 0}, log: {access: true, format: json}"),
    "all that the goals ask for": Configured(
        models=3,
        params=", input_cost_per_token: 0.000001, output_cost_per_token: 0.000002",
        router="num_retries: 2, timeout: 600",
        general=f"log: {{access: true}}, keys: [{PATTERNS}]",
        more="nova_settings: {callbacks: [watcher.watcher]}",
    ),
}
