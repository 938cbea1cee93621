"""What a provider's API can be asked for one model, thing by thing."""

from __future__ import annotations

from collections.abc import Callable

from nova_core.types.fidelity import Fate

Ask = Callable[[str], Fate | None]


class Capabilities:
    """What becomes of abilities and parameters with one model of one provider.

    Abilities are named as in `model_info` without `supports_` (`vision`, `function_calling`, …), parameters of chats
    as OpenAI names them, those of other operations after the operation (`speech.speed`). `ask` tells the fate of one:
    LOST is refused by name, HINT left out and named, anything else sent, None unknown. It is asked when somebody wants
    to know, once for each name.
    """

    __slots__ = ("_ask", "_known")

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask = ask
        self._known: dict[str, Fate | None] = {}

    def fate(self, name: str) -> Fate | None:
        """What becomes of it."""
        if name not in self._known:
            self._known[name] = None if self._ask is None else self._ask(name)
        return self._known[name]

    def refuses(self, name: str) -> bool:
        """Whether a request with it is refused by name; what is unknown is not."""
        return self.fate(name) is Fate.LOST

    def takes(self, name: str) -> bool | None:
        """Whether it is sent; None when that is unknown."""
        fate = self.fate(name)
        return None if fate is None else fate not in (Fate.LOST, Fate.HINT)


UNKNOWN = Capabilities()
