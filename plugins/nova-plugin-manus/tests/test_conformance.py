"""Manus' provider does what every provider must do, but for streams, tools and usage, which the vendor has not."""

from __future__ import annotations

from typing import Any

from nova_core.testing import UpstreamConformance
from nova_core.testing.conformance import PUBLIC_NAME
from nova_core.testing.provider_bench import chat_request, completion_request
from nova_core.testing.upstream_replies import Said, Shape
from nova_plugin_manus import plugin


def _done(said: Said) -> dict[str, Any]:
    """A task that is done, with what it was asked, as the vendor tells both."""
    told = [{"role": "user", "content": [{"type": "output_text", "text": "the task"}]}]
    told.append({"role": "assistant", "content": [{"type": "output_text", "text": said.text}]})
    return {"id": "task_1", "object": "response", "status": "completed", "createdAt": "1700000000", "output": told}


def shapes_at(url: str) -> tuple[tuple[str, Shape], ...]:
    """Tasks, and files whose content goes to this address."""
    record = {"id": "file-1", "object": "file", "upload_url": f"{url}/upload?signature=s"}
    stored = Shape(lambda said: {}, _error)
    return (("/responses", Shape(_done, _error)), ("/files", Shape(lambda said: record, _error)), ("/upload", stored))


def _error(status: int, message: str, code: str | None, kind: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "type": kind}}


class TestManus(UpstreamConformance):
    plugin = plugin
    provider = "manus"
    operations = frozenset({"chat", "completion"})
    model = "manus-1.6"
    api_path = "/v1"
    key_env = "MANUS_API_KEY"
    calls_tools = False
    streams = False
    unsupported = ("temperature", 0.3)
    shapes = shapes_at("")

    def now(self, **answer: Any) -> None:
        """Files are put where the upstream is."""
        self.upstream.forget().script("*", **{"shapes": shapes_at(self.upstream.url), **answer})

    async def test_usage_is_what_the_upstream_says(self) -> None:
        async with self.bench() as bench:
            assert (await bench.chat(chat_request(PUBLIC_NAME))).usage is None

    async def test_a_completion_is_answered_plain_and_streamed(self) -> None:
        async with self.bench() as bench:
            for stream in (False, True):
                reply = await bench.chat(completion_request(PUBLIC_NAME, self.prompt, stream=stream))
                assert reply.text == "Hello from the upstream."
