"""LiteLLM's proxy, set up as its production page recommends, without a database."""

from __future__ import annotations

from benchmarks.processes import Launch
from benchmarks.servers.contender import KEY, Contender, Site
from benchmarks.servers.packages import environment, installed

CONFIG = """\
model_list:
  - {{model_name: gpt, litellm_params: {{model: openai/up, api_base: "http://127.0.0.1:{upstream}/v1", api_key: x}}}}
  - {{model_name: claude, litellm_params: {{model: anthropic/up, api_base: "http://127.0.0.1:{upstream}", api_key: x}}}}
general_settings: {{master_key: {key}}}
litellm_settings: {{request_timeout: 600, set_verbose: false, json_logs: true,
  use_chat_completions_url_for_anthropic_messages: true}}
"""


def launch(site: Site) -> Launch:
    file = site.folder / "litellm.yaml"
    file.write_text(CONFIG.format(upstream=site.upstream, key=KEY))
    command = [str(environment("litellm") / "litellm"), "--config", str(file), "--host", "127.0.0.1"]
    return Launch(
        [*command, "--port", str(site.port), "--num_workers", str(site.workers)],
        ready="/health/readiness",
        environment={"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )


LITELLM = Contender(
    name="litellm",
    what="Python; LITELLM_MODE=PRODUCTION, LITELLM_LOG=ERROR, one worker a core",
    install=lambda: installed("litellm", "litellm[proxy]"),
    launch=launch,
    headers=lambda site: (f"authorization: Bearer {KEY}",),
    translates=True,
    streams=8,
)
