"""What can go wrong in a local engine, as facts; the provider turns them into the gateway's errors."""

from __future__ import annotations


class LocalModelError(Exception):
    """Base of everything this distribution raises on purpose."""


class UnknownLocalModelError(LocalModelError):
    """The name is in no row of `models.MODELS`."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no local model is called {name!r}; there are: {', '.join(known)}")
        self.name = name
        self.known = known


class WeightsNotFoundError(LocalModelError):
    """No installed distribution carries the model's files, or the file named by the operator is not there."""

    def __init__(self, model: str, mend: str) -> None:
        super().__init__(f"the weights of {model!r} are not on this machine; {mend}")
        self.model = model
        self.mend = mend


class WeightsDamagedError(LocalModelError):
    """The file on disk is not the one whose checksum or format we know."""


class EngineFailedError(LocalModelError):
    """The inference library refused to load the model or broke off in the middle."""


class EngineBusyError(LocalModelError):
    """As many calls wait for the model as may wait."""

    def __init__(self, max_waiting: int) -> None:
        super().__init__(f"the local model is busy and {max_waiting} calls already wait for it")
        self.max_waiting = max_waiting


class EngineClosedError(LocalModelError):
    """The engine was closed before or during the call."""


class InvalidInputError(LocalModelError):
    """The model cannot read this request; `param` names the field when one is to blame."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class PromptTooLongError(LocalModelError):
    """The prompt needs more tokens than the model's window has."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"the prompt has {tokens} tokens; the model's context window has {limit}")
        self.tokens = tokens
        self.limit = limit
