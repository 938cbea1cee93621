"""A Nova server on loopback that records what it is asked and answers with small vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(slots=True)
class ScriptedNova:
    """`address` to put into `api_base`, and the (path, body) of each request in `asked`."""

    address: str
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@contextmanager
def scripted_nova() -> Iterator[ScriptedNova]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            nova.asked.append((self.path, body))
            items = body["input"] if isinstance(body["input"], list) else [body["input"]]
            data = [
                {"object": "embedding", "index": index, "embedding": [0.5, -0.25, float(index)]}
                for index, _ in enumerate(items)
            ]
            usage = {"prompt_tokens": 3, "total_tokens": 3}
            reply = {"object": "list", "data": data, "model": body["model"], "usage": usage}
            payload = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is written to the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    nova = ScriptedNova(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield nova
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
