"""Topaz Labs' provider does what every provider must do."""

from __future__ import annotations

from typing import Any, ClassVar

from nova_core.testing import OperationConformance, Sent
from nova_core.types.usage import Units, Usage
from nova_core.wire.operation_samples import PNG
from nova_plugin_topaz import plugin

TASK = "d7b3b3b3-7b3b-4b3b-8b3b-3b3b3b3b3b3b"


class TestTopaz(OperationConformance):
    plugin = plugin
    provider = "topaz"
    operation = "image_variation"
    model = "Standard V2"
    key_env = "TOPAZ_API_KEY"
    api_path = ""
    asks: ClassVar[dict[str, Any]] = {"size": "1920x1080"}
    sent = Sent(
        "/image/v1/enhance/async",
        form={"model": "Standard V2", "output_width": "1920", "output_height": "1080", "image": PNG},
    )
    answer: ClassVar[dict[str, Any]] = {"json": {"process_id": TASK, "source_id": TASK, "eta": 1617220000}}
    later: ClassVar[dict[str, Any]] = {
        f"/image/v1/status/{TASK}": {"json": {"process_id": TASK, "status": "Completed", "credits": 1}},
        f"/image/v1/download/{TASK}": {
            "json": {"download_url": "{upstream}/a.jpeg", "head_url": "{upstream}/a.jpeg", "expiry": 1617223600}
        },
        "/a.jpeg": {"body": b"\xff\xd8\xff", "headers": {"content-type": "image/jpeg"}},
    }
    used = Usage(units=Units(images=1))

    @property
    def tells(self) -> dict[str, Any]:
        """The image's address."""
        return {"data": [{"url": f"{self.upstream.url}/a.jpeg"}]}

    def error_body(self, message: str) -> Any:
        """The vendor's `message`."""
        return {"code": 400, "message": message}
