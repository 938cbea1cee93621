"""Questions of one worker to all others, which their parent passes on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

from nova_core.server.channel import Channel

ANSWER_SECONDS = 2.0
"""How long a worker that is asked may take; one that takes longer knows nothing."""


class Inquiries:
    """The parent's part."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, asyncio.Future[bytes | None]] = {}

    async def ask(self, channels: Iterable[Channel], *question: str | bool) -> bytes | None:
        """Send `question` to each; the first answer that is one, None when nobody has one."""
        numbers = [self._ask(channel, question) for channel in channels]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                for answer in asyncio.as_completed([self._open[number] for number in numbers]):
                    if (found := await answer) is not None:
                        return found
        except TimeoutError:
            return None
        finally:
            for number in numbers:
                del self._open[number]
        return None

    def answered(self, number: int, content: bytes | None) -> None:
        """A worker has answered; perhaps too late."""
        waiting = self._open.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(content)

    def _ask(self, channel: Channel, question: tuple[str | bool, ...]) -> int:
        number = next(self._numbers)
        self._open[number] = asyncio.get_running_loop().create_future()
        channel.send("why", number, *question)
        return number
