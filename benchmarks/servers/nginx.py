"""nginx as a plain reverse proxy: the floor that no gateway can be expected to reach."""

from __future__ import annotations

import os
import shutil

from benchmarks.binaries import ROOT
from benchmarks.processes import Launch
from benchmarks.servers.contender import Contender, Site, run

CONFIG = """\
worker_processes {workers}; daemon off; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_max_body_size 64m; client_body_buffer_size 1m; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096 reuseport;
    location / {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffers 8 32k;
    }}
  }}
}}
"""


def binary() -> str:
    """The path of nginx. Raises UnavailableError."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which("nginx", path=path)
    return found or run([ROOT / "scripts" / "ensure_nginx.sh"]).strip().splitlines()[0]


def install() -> str:
    return run([binary(), "-v"]).strip().rpartition("/")[2]


def launch(site: Site) -> Launch:
    file = site.folder / "nginx.conf"
    file.write_text(CONFIG.format(folder=site.folder, upstream=site.upstream, port=site.port, workers=site.workers))
    return Launch([binary(), "-p", str(site.folder), "-c", str(file)], ready="/health")


NGINX = Contender(name="nginx", what="plain reverse proxy, C", install=install, launch=launch)
