"""The gateway from Python, without a server: routing, fallbacks and prices of `echo.yaml`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nova_core
from nova_core import Gateway


async def main() -> None:
    async with Gateway.from_config(Path(__file__).with_name("echo.yaml")) as gateway:
        reply = await gateway.completion("broken", [{"role": "user", "content": "Is anybody there?"}])
        print("answered by", reply.headers["model-id"], "after", reply.headers["attempted-fallbacks"], "fallback:")
        print(" ", reply.text)
        print("  for", reply.headers["response-cost"], "dollars")

        stream = await gateway.completion("echo", [{"role": "user", "content": "word by word"}], stream=True)
        print("streamed:", [chunk.text async for chunk in stream])

        try:
            await gateway.completion("unknown", [{"role": "user", "content": "Hello?"}])
        except nova_core.ModelNotFoundError as error:
            print("refused:", error.status, error.code)


asyncio.run(main())
