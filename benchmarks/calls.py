"""CPU of the gateway for a small chat call, beside nginx as a plain reverse proxy, in one run.

Both stand in front of the same upstream (an nginx that answers at once) and are asked over 32 kept connections, in
interleaved rounds; what is compared is the CPU time of the process tree per call, as the system accounts it. Log,
key, routing, deadlines and headers of the gateway are on. `--seconds` per round (2), `--rounds` (3).
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
from soak import free_port, wait_for

CONNECTIONS = 32
KEY = "sk-bench"
BODY = (
    b'{"model":"gpt","messages":[{"role":"system","content":"You are a helpful assistant."},'
    b'{"role":"user","content":"Say hello to me in a friendly way, please."}],"temperature":0.7,"max_tokens":64}'
)
REPLY = (
    '{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"up","choices":[{"index":0,'
    '"message":{"role":"assistant","content":"Hello! How can I help you today?"},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21}}'
)
NGINX = """\
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{upstream} backlog=4096;
    location / {{ default_type application/json; return 200 '{reply}'; }} }}
  server {{ listen 127.0.0.1:{proxy} backlog=4096;
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""
NOVA = """\
model_list:
  - model_name: gpt
    params: {{model: custom_openai/up, api_base: "http://127.0.0.1:{upstream}/v1", api_key: sk-upstream}}
general_settings: {{master_key: {key}}}
"""


class Asker(asyncio.Protocol):
    """One kept connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._got = b""
        self.answers = 0
        self.failures = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        self.answers += 1
        self.failures += not head.startswith(b"HTTP/1.1 200")
        self._got = b""
        self._transport.write(self._request)  # type: ignore[attr-defined]


async def ask(port: int, seconds: float) -> tuple[int, int]:
    """Load a port; answers and failures."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n"
    request = f"{head}Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Asker(request), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    await asyncio.sleep(seconds)
    for transport, _ in made:
        transport.abort()
    return sum(asker.answers for _, asker in made), sum(asker.failures for _, asker in made)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in tree)


def round_of(port: int, pid: int, seconds: float) -> float:
    """Microseconds of CPU per call."""
    before = cpu_seconds(pid)
    answers, failures = asyncio.run(ask(port, seconds))
    if failures or not answers:
        raise SystemExit(f"{failures} of {answers} calls failed")
    return (cpu_seconds(pid) - before) / answers * 1e6


def main() -> int:
    """Run the rounds and print medians and the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    if shutil.which("nginx") is None:
        print("nginx is not installed (scripts/ensure_nginx.sh brings it): nothing to compare with")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ports = {"upstream": free_port(), "proxy": free_port(), "nova": free_port()}
        started = start(folder, ports)
        try:
            wait_for(started[1], ports["nova"], folder / "log")
            found: dict[str, list[float]] = {"nginx": [], "nova": []}
            for _ in range(given.rounds + 1):
                # The proxy and the upstream are one nginx; what the upstream costs is measured and taken off.
                upstream = round_of(ports["upstream"], started[0].pid, given.seconds)
                both = round_of(ports["proxy"], started[0].pid, given.seconds)
                found["nginx"].append(both - upstream)
                found["nova"].append(round_of(ports["nova"], started[1].pid, given.seconds))
        finally:
            for process in started:
                process.terminate()
                process.wait(30)
    medians = {name: statistics.median(values[1:]) for name, values in found.items()}
    for name, value in medians.items():
        print(f"{name:6} {value:8.1f} µs CPU a call (median of {given.rounds} rounds)")
    print(f"nova / nginx {medians['nova'] / medians['nginx']:.1f}")
    return 0


def start(folder: Path, ports: dict[str, int]) -> list[subprocess.Popen[bytes]]:
    """nginx (upstream and proxy) and the gateway."""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, reply=REPLY, **ports))
    (folder / "nova.yaml").write_text(NOVA.format(key=KEY, **ports))
    nginx = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
    serve = [sys.executable, "-m", "nova_core.cli", "serve", "--config", str(folder / "nova.yaml")]
    with (folder / "log").open("wb") as log:
        nova = subprocess.Popen([*serve, "--host", "127.0.0.1", "--port", str(ports["nova"])], stdout=log, stderr=log)
    return [nginx, nova]


if __name__ == "__main__":
    sys.exit(main())
