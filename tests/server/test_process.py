"""The server as a process: starting, refusing to start, draining, reloading, and keeping workers alive."""

from __future__ import annotations

import concurrent.futures
import re
import resource
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.server.process import ServerProcess, run_until_exit

ECHO = "model_list:\n  - model_name: echo\n    litellm_params: {model: echo/echo}\n"
KEYED = ECHO + "general_settings: {master_key: os.environ/THE_KEY}\n"
CHAT = "/v1/chat/completions"
CALLERS = 16
pytestmark = pytest.mark.slow


def body(text: str = "hello", model: str = "echo", **more) -> dict:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def test_it_says_where_it_is_what_it_serves_and_what_it_cannot(tmp_path: Path) -> None:
    config = (
        ECHO + "  - model_name: gone\n    litellm_params: {model: no-such-vendor/x}\nrouter_settings: {numretries: 3}\n"
    )
    with ServerProcess(tmp_path, config) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert "No master key" in server.out
        assert "Models: echo" in server.out
        assert "pip install nova-plugin-no-such-vendor" in server.out
        assert "num_retries" in server.out
        with server.http() as http:
            assert http.post(CHAT, json=body(model="gone")).status_code == 404
    assert server.process.returncode == 0


def test_it_raises_its_own_limit_of_open_files(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        with ServerProcess(tmp_path, ECHO) as server:
            raised, _ = psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert raised == min(hard, 1_048_576)


def test_models_are_served_without_a_file(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, models=("echo/echo",)) as server, server.http() as http:
        answer = http.post(CHAT, json=body(model="echo/echo")).json()
    assert answer["choices"][0]["message"]["content"] == "hello"


@pytest.mark.parametrize(
    ("config", "options", "said"),
    [
        (ECHO, {"host": "0.0.0.0"}, "without keys this gateway listens on the loopback only"),
        ("model_list: 7\n", {}, "config.yaml:1: error"),
        (KEYED, {}, "THE_KEY is not set"),
        (ECHO + "general_settings: {custom_auth: my.auth}\n", {}, "custom_auth"),
        (None, {}, "give --config FILE or --model"),
        (ECHO, {"ssl_certfile": "/no/such/file"}, "cannot be read"),
    ],
)
def test_it_refuses_to_start_and_says_why(config: str | None, options: dict, said: str, tmp_path: Path) -> None:
    code, error = run_until_exit(tmp_path, config, **options)
    assert code == 1
    assert said in error
    assert "Traceback" not in error


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, error = run_until_exit(tmp_path, ECHO, port=taken.getsockname()[1])
    assert (code, error.count("\n")) == (1, 1)
    assert "cannot listen" in error


def test_a_dotenv_file_gives_what_the_environment_does_not_have(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("THE_KEY=from-file\n")
    with ServerProcess(tmp_path, KEYED, host="127.0.0.1") as server, server.http() as http:
        assert http.get("/v1/models", headers={"x-api-key": "from-file"}).status_code == 200
    with ServerProcess(tmp_path, KEYED, host="127.0.0.1", env={"THE_KEY": "set"}) as server, server.http() as http:
        assert http.get("/v1/models", headers={"x-api-key": "from-file"}).status_code == 401
        assert http.get("/v1/models", headers={"x-api-key": "set"}).status_code == 200
        assert "No master key" not in server.out


def certificate(folder: Path, *more: str) -> dict[str, str]:
    """Options with a certificate and its key, made here."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", str(key), "-out", str(cert), *(more or ("-nodes",))], capture_output=True,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl is not installed: no certificate can be made")
    return {"ssl_certfile": str(cert), "ssl_keyfile": str(key)}


def test_https_is_served_with_the_files_given(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, ECHO, **certificate(tmp_path)) as server:
        assert server.url.startswith("https://")
        with server.http(verify=False) as http:
            assert http.post(CHAT, json=body()).status_code == 200


def test_https_files_that_cannot_be_used_refuse_the_start(tmp_path: Path) -> None:
    files = certificate(tmp_path, "-passout", "pass:the-password")
    code, error = run_until_exit(tmp_path, ECHO, **files)
    assert (code, error.count("\n")) == (1, 1)
    assert "is encrypted" in error
    code, error = run_until_exit(tmp_path, ECHO, **files, ssl_keyfile_password="another")
    assert (code, error.count("\n")) == (1, 1)
    assert "the password is wrong" in error and "another" not in error
    code, error = run_until_exit(tmp_path, ECHO, ssl_keyfile=files["ssl_keyfile"])
    assert (code, "--ssl-certfile" in error) == (1, True)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_resets_no_connection_that_is_in_use(workers: int, tmp_path: Path) -> None:
    connected = threading.Barrier(CALLERS + 1)

    def call_until_refused(number: int) -> int:
        text, answered = "!pause 40ms\none two three four five six", 0
        with server.http() as http:
            http.get("/health/liveliness")
            connected.wait(10)
            while True:
                try:
                    answer = http.post(CHAT, json=body(text, stream=number % 2 == 0))
                except httpx.ConnectError:
                    return answered
                assert answer.status_code == 200 and "six" in answer.text
                answered += 1

    with (
        ServerProcess(tmp_path, ECHO, workers=workers) as server,
        concurrent.futures.ThreadPoolExecutor(CALLERS) as pool,
    ):
        calling = [pool.submit(call_until_refused, number) for number in range(CALLERS)]
        connected.wait(10)
        time.sleep(1.0)
        server.signal(signal.SIGTERM)
        assert all(each.result(10) > 0 for each in calling)
        assert server.process.wait(8) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_lets_running_calls_finish_and_refuses_new_ones(workers: int, tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path, ECHO, workers=workers) as server,
        server.http() as http,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        plain = pool.submit(httpx.post, server.url + CHAT, json=body("!delay 3s\nplain"), timeout=10)
        text = "!pause 900ms\none two three four"
        streamed = pool.submit(httpx.post, server.url + CHAT, json=body(text, stream=True), timeout=10)
        assert http.get("/health/readiness").status_code == 200
        time.sleep(1.0)
        url = server.url
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        if workers == 1:  # the connection that was kept open
            draining = http.get("/health/readiness")
            assert (draining.status_code, draining.headers["connection"]) == (503, "close")
        with pytest.raises(httpx.ConnectError):
            httpx.get(url + "/health/liveliness")
        assert plain.result().json()["choices"][0]["message"]["content"] == "plain"
        assert streamed.result().text.endswith("data: [DONE]\n\n")
        assert server.process.wait(8) == 0


def test_calls_that_outlast_the_drain_time_are_told_so(tmp_path: Path) -> None:
    config = ECHO + "general_settings: {limits: {drain_seconds: 0.5}}\n"
    with ServerProcess(tmp_path, config) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        plain = pool.submit(httpx.post, server.url + CHAT, json=body("!delay 20s\nplain"), timeout=10)
        text = "!pause 400ms\n" + "word " * 100
        streamed = pool.submit(httpx.post, server.url + CHAT, json=body(text, stream=True), timeout=10)
        spoken = {"model": "echo", "input": text, "voice": "alloy"}
        audio = pool.submit(httpx.post, server.url + "/v1/audio/speech", json=spoken, timeout=10)
        time.sleep(1.0)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert (plain.result().status_code, plain.result().headers["retry-after"]) == (503, "1")
        assert '"error"' in streamed.result().text.strip().splitlines()[-1]
        with pytest.raises(httpx.RemoteProtocolError):  # bytes of audio cannot say so: the connection does
            audio.result()
        assert server.process.wait(5) == 0
        assert time.monotonic() - began < 4


def listed(http: httpx.Client) -> list[str]:
    return [card["id"] for card in http.get("/v1/models").json()["data"]]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("by", ["signal", "route", "file"])
def test_a_reload_swaps_the_configuration_under_running_calls(by: str, workers: int, tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path, ECHO, workers=workers, reload_config=by == "file") as server,
        server.http() as http,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        running = pool.submit(httpx.post, server.url + CHAT, json=body("!delay 1500ms\nstill here"), timeout=10)
        time.sleep(0.3)
        server.config.write_text(ECHO.replace("model_name: echo", "model_name: other"))
        if by == "signal":
            server.signal(signal.SIGHUP)
        elif by == "route":
            assert http.post("/config/reload").json() == {"status": "reloaded", "notes": []}
        server.until(lambda: all(listed(fresh(server)) == ["other"] for _ in range(4)))
        assert fresh(server).post(CHAT, json=body(model="other")).status_code == 200
        assert running.result().json()["choices"][0]["message"]["content"] == "still here"


def fresh(server: ServerProcess) -> httpx.Client:
    """A client with a connection of its own, so that any worker may answer."""
    return server.http(headers={"connection": "close"})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_configuration_that_cannot_be_used_changes_nothing_and_is_told(workers: int, tmp_path: Path) -> None:
    config = ECHO + "general_settings: {master_key: sk-1}\n"
    key = {"x-api-key": "sk-1"}
    with ServerProcess(tmp_path, config, workers=workers, host="127.0.0.1") as server, server.http(headers=key) as http:
        server.config.write_text(config.replace("model_list:", "model_list: [\n"))
        refused = http.post("/config/reload")
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "configuration_error")
        assert "config.yaml:" in refused.json()["error"]["message"]
        assert listed(http) == ["echo"]
        server.signal(signal.SIGHUP)
        server.until(lambda: "was not reloaded" in server.err)
        assert http.post(CHAT, json=body()).status_code == 200


@pytest.mark.parametrize("options", [{"host": "0.0.0.0"}, {}, {"workers": 2}])
def test_a_reload_cannot_open_a_gateway_that_the_network_reaches(options: dict, tmp_path: Path) -> None:
    config = ECHO + "general_settings: {master_key: sk-1}\n"
    with ServerProcess(tmp_path, config, **options) as server:
        server.config.write_text(ECHO)
        port = server.url.rpartition(":")[2]
        refused = httpx.post(f"http://127.0.0.1:{port}/config/reload", headers={"x-api-key": "sk-1"})
        assert refused.status_code == 400
        assert httpx.get(f"http://127.0.0.1:{port}/v1/models").status_code == 401


def test_a_worker_that_dies_is_replaced_and_the_others_serve_on(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, ECHO, workers=2) as server:
        first = {worker.pid for worker in server.workers}
        assert len(first) == 2
        server.workers[0].kill()
        server.until(lambda: "is started again" in server.err)
        assert fresh(server).post(CHAT, json=body()).status_code == 200
        server.until(lambda: len({worker.pid for worker in server.workers} - first) == 1, 10)
        assert server.process.poll() is None


BLOCKING = """
import time

from nova_core.hookspecs import hookimpl


class Blocking:
    @hookimpl
    def startup(self, gateway):
        time.sleep(1.1)

    @hookimpl
    def pre_call(self, call, request):
        while request.model == "endless":
            time.sleep(0.01)


plugin = Blocking()
"""
HANGING = (
    ECHO
    + "  - model_name: endless\n    litellm_params: {model: echo/echo}\n"
    + "general_settings: {limits: {hang_seconds: 1}}\n"
    + "litellm_settings: {callbacks: [blocking.plugin]}\n"
)


def test_a_worker_whose_event_loop_stands_still_is_replaced_and_the_others_serve_on(tmp_path: Path) -> None:
    (tmp_path / "blocking.py").write_text(BLOCKING)
    with ServerProcess(tmp_path, HANGING, workers=2) as server:
        first = {worker.pid for worker in server.workers}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(server.url + CHAT, json=body(model="endless"), timeout=0.3)
        server.until(lambda: "its event loop has not turned for 1 s" in server.err)
        for _ in range(4):
            assert fresh(server).post(CHAT, json=body(), timeout=3).status_code == 200
        server.until(lambda: "is started again" in server.err)
        assert re.search(r'blocking\.py", line \d+ in pre_call', server.err)
        assert server.err.count("hangs") == 1  # starting took longer, and is no hanging
        server.until(lambda: len({worker.pid for worker in server.workers} - first) == 1, 10)
        assert len({worker.pid for worker in server.workers} & first) == 1


PLUGIN = """
from nova_core.errors import AuthenticationError
from nova_core.hookspecs import hookimpl
from nova_core.types.principal import Principal


class Mine:
    @hookimpl
    def authenticate(self, credential):
        return Principal("ada", models=("echo",)) if credential.key == "token-of-ada" else None

    @hookimpl
    def register_routes(self, routes):
        async def hello() -> str:
            return "hello from a plugin"

        routes.add_api_route("/mine", hello)

    @hookimpl
    def startup(self, gateway):
        if gateway.plugin_settings("mine").get("broken"):
            raise RuntimeError("cannot start today")


plugin = Mine()
"""
WITH_PLUGIN = ECHO + "litellm_settings: {callbacks: [my_plugin.plugin]}\n"


def test_a_plugin_beside_the_configuration_authenticates_and_adds_routes(tmp_path: Path) -> None:
    (tmp_path / "my_plugin.py").write_text(PLUGIN)
    with ServerProcess(tmp_path, WITH_PLUGIN, host="127.0.0.1") as server, server.http() as http:
        assert http.get("/mine").json() == "hello from a plugin"
        assert http.post(CHAT, json=body()).status_code == 401
        assert http.post(CHAT, json=body(), headers={"x-api-key": "token-of-ada"}).status_code == 200
        assert http.post("/config/reload", headers={"x-api-key": "token-of-ada"}).status_code == 403
        assert "No master key" not in server.out


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plugin_that_cannot_start_stops_the_start(workers: int, tmp_path: Path) -> None:
    (tmp_path / "my_plugin.py").write_text(
        PLUGIN.replace('if gateway.plugin_settings("mine").get("broken")', "if True")
    )
    code, error = run_until_exit(tmp_path, WITH_PLUGIN, workers=workers)
    assert code != 0
    assert "cannot start today" in error


def test_metrics_are_those_of_all_workers_together(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, ECHO, workers=2) as server:
        for _ in range(20):
            assert fresh(server).post(CHAT, json=body()).status_code == 200

        def counted() -> str:
            lines = fresh(server).get("/metrics").text.splitlines()
            return next(line.rpartition(" ")[2] for line in lines if line.startswith("nova_requests_total{"))

        server.until(lambda: counted() == "20.0")
        assert {counted() for _ in range(6)} == {"20.0"}


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, ECHO, workers=2) as server:
        workers = server.workers
        server.process.kill()
        _, alive = psutil.wait_procs(workers, timeout=5)
    assert alive == []
