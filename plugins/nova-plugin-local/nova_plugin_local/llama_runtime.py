"""One GGUF model inside this process, by the server that llama.cpp ships: load, generate, count, close."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nova_plugin_local.errors import EngineFailedError, InvalidInputError

JsonObject = dict[str, Any]

# Prompts are read in pieces of this many tokens; between two pieces a cancelled call can stop.
PROMPT_PIECE = 128
MAX_SOCKET_PATH = 100


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """`context_size` is in tokens and bounds memory (23 kB a token for SmolLM2-135M); `threads` are cores to use."""

    context_size: int
    threads: int


class LlamaRuntime:
    """A loaded model. `generate` may run in one thread at a time, `count_tokens` in any."""

    def __init__(self, path: Path, name: str, settings: RuntimeSettings) -> None:
        """Loads the file (0.3 s for 100 MB). Raises EngineFailedError when llama.cpp refuses it."""
        import xllamacpp

        self._folder = tempfile.TemporaryDirectory(prefix="nova-local-")
        self._api_key = secrets.token_urlsafe(24)
        params = _parameters(xllamacpp.CommonParams(), path, settings)
        params.model_alias = {name}
        params.hostnames = [_listen_address(Path(self._folder.name))]
        params.api_keys = [self._api_key]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            self._folder.cleanup()
            raise EngineFailedError(f"llama.cpp could not load {name!r} from {path.name}") from error
        self._address: str = self._server.listening_address
        capabilities = self._ask("GET", "/props").get("chat_template_caps") or {}
        #: True when the model's own chat template has a place for tool definitions.
        self.supports_tools = bool(capabilities.get("supports_tools"))

    def generate(self, payload: Mapping[str, Any], on_event: Callable[[JsonObject], bool]) -> None:
        """Runs a streamed chat completion; `on_event` gets each OpenAI chunk and returns True to stop.

        An error of the model's server arrives as an event with the key `error` or `code`. Raises
        InvalidInputError when the chat template or the JSON reader refuses the request.
        """
        try:
            self._server.handle_chat_completions(dict(payload), on_event)
        except (ValueError, TypeError, RuntimeError) as error:
            raise InvalidInputError(f"the model cannot read this request: {error}") from error

    def count_tokens(self, payload: Mapping[str, Any]) -> int:
        """Tokens of the prompt after the chat template, without running the model."""
        reply = self._ask("POST", "/v1/chat/completions/input_tokens", payload)
        return int(reply["input_tokens"])

    def close(self) -> None:
        """Frees the model. No call may be running."""
        del self._server
        self._folder.cleanup()

    def _ask(self, method: str, path: str, payload: Mapping[str, Any] | None = None) -> JsonObject:
        headers = {"Authorization": f"Bearer {self._api_key}", "Content-Type": "application/json"}
        body = None if payload is None else json.dumps(payload)
        with contextlib.closing(_connect(self._address)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            reply: JsonObject = json.loads(response.read())
        if response.status == 200:
            return reply
        message = str(reply.get("error", {}).get("message", "no reason given"))
        if response.status < 500:
            raise InvalidInputError(f"the model cannot read this request: {message}")
        raise EngineFailedError(f"llama.cpp answered {response.status}: {message}")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connect(address: str) -> http.client.HTTPConnection:
    if address.startswith("unix://"):
        return _UnixConnection(address.removeprefix("unix://"))
    parts = urlsplit(address)
    return http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=60)


def _listen_address(folder: Path) -> str:
    """llama.cpp's server insists on listening: on a socket only this user can reach, else on loopback with a key."""
    path = str(folder / "llama.sock")
    if hasattr(socket, "AF_UNIX") and sys.platform != "win32" and len(path) < MAX_SOCKET_PATH:
        return path
    return "127.0.0.1"


def _parameters(params: Any, path: Path, settings: RuntimeSettings) -> Any:
    params.model.path = str(path)
    params.n_ctx = settings.context_size
    params.n_batch = PROMPT_PIECE
    params.n_parallel = 1
    params.cpuparams.n_threads = settings.threads
    params.cpuparams_batch.n_threads = settings.threads
    params.cache_ram_mib = 0  # its default keeps up to 8 GB of old prompts
    params.fit_params = False  # a trial allocation that doubles the load time
    params.warmup = False
    params.verbosity = -1  # nothing on stderr
    params.n_threads_http = 1
    params.ui = False
    params.endpoint_slots = False
    return params
