"""Portkey's gateway on Node."""

from __future__ import annotations

import json
import shutil

from benchmarks.processes import Launch
from benchmarks.servers.contender import Contender, Site, UnavailableError, cache, run

PACKAGE: dict[str, object] = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": "*"},
    # Later ones hand out responses whose headers cannot be changed: embeddings and streams are answered with 500.
    "overrides": {"@hono/node-server": "1.13.8"},
}


def install() -> str:
    folder = cache() / "portkey"
    package = folder / "node_modules" / "@portkey-ai" / "gateway"
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise UnavailableError("node and npm are not installed")
    if not package.exists():
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text(json.dumps(PACKAGE))
        run(["npm", "install", "--no-audit", "--no-fund"], folder)
    version: str = json.loads((package / "package.json").read_text())["version"]
    return f"{version}, node {run(['node', '--version']).strip()}"


def launch(site: Site) -> Launch:
    script = cache() / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    environment = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
    return Launch(["node", str(script), f"--port={site.port}", "--headless"], environment=environment)


def headers(site: Site) -> tuple[str, ...]:
    host = f"x-portkey-custom-host: http://127.0.0.1:{site.upstream}/v1"
    return ("authorization: Bearer sk-upstream", "x-portkey-provider: openai", host)


PORTKEY = Contender(
    name="portkey", what="Node; NODE_ENV=production, headless", install=install, launch=launch, headers=headers
)
