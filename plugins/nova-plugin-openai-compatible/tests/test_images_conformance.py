"""Tasks that make images do what every provider's operations must do."""

from __future__ import annotations

from typing import Any, ClassVar

import nova_plugin_openai_compatible as pack
from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage

MODEL = "wan2.2-t2i-plus"


class TestDashScopeTasks(OperationConformance):
    plugin = pack.dashscope
    provider = "dashscope"
    operation = "image_generation"
    model = MODEL
    api_path = "/compatible-mode/v1"
    key_env = "DASHSCOPE_API_KEY"
    sent = Sent(
        "/api/v1/services/aigc/text2image/image-synthesis",
        json={"model": MODEL, "input": {"prompt": "a cat"}, "parameters": {"n": 1}},
    )
    answer: ClassVar[dict[str, Any]] = {"json": {"output": {"task_id": "t", "task_status": "PENDING"}}}
    later: ClassVar[dict[str, Any]] = {
        "/api/v1/tasks/t": {
            "json": {"output": {"task_id": "t", "task_status": "SUCCEEDED", "results": [{"url": "{upstream}/a.png"}]}}
        },
        "/a.png": {"body": b"\x89PNG", "headers": {"content-type": "image/png"}},
    }
    used = Usage(units=Units(images=1))

    @property
    def tells(self) -> dict[str, Any]:
        """The image's address."""
        return {"data": [{"url": f"{self.upstream.url}/a.png"}]}

    def error_body(self, message: str) -> Any:
        """The vendor's `code` and `message`."""
        return {"code": "Throttling", "message": message, "request_id": "r"}
