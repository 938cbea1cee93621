"""The two routers in Rust, each in front of one static worker."""

from __future__ import annotations

from benchmarks.processes import Launch, free_port
from benchmarks.servers.contender import Contender, Site
from benchmarks.servers.packages import environment, installed


def vllm_router(site: Site) -> Launch:
    command = [str(environment("vllm-router") / "vllm-router"), "--worker-urls", f"http://127.0.0.1:{site.upstream}"]
    command += ["--host", "127.0.0.1", "--port", str(site.port), "--prometheus-port", str(free_port())]
    return Launch([*command, "--policy", "round_robin", "--log-level", "warning"], ready="/health")


def smg(site: Site) -> Launch:
    command = [str(environment("smg") / "smg"), "launch", "--worker-urls", f"http://127.0.0.1:{site.upstream}"]
    command += ["--host", "127.0.0.1", "--port", str(site.port), "--prometheus-port", str(free_port())]
    return Launch([*command, "--policy", "round_robin", "--log-level", "warn"], ready="/readiness")


VLLM_ROUTER = Contender(
    name="vllm-router",
    what="Rust; policy round_robin, retries and circuit breaker on",
    install=lambda: installed("vllm-router", "vllm-router"),
    launch=vllm_router,
    model="up",
)
SMG = Contender(
    name="smg",
    what="Rust; policy round_robin, retries and circuit breaker on",
    install=lambda: installed("smg", "smg"),
    launch=smg,
    model="up",
)
