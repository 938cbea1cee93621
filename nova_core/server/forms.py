"""Calls whose requests are forms: they may begin while a file is still coming."""

from __future__ import annotations

from typing import Any

import msgspec

from nova_core.errors import BadRequestError
from nova_core.gateway.options import CONTROLS
from nova_core.gateway.relay import CallerStream
from nova_core.server.desk import CallDesk, Visit
from nova_core.server.form import FormReader
from nova_core.types.dialect import TakesForms
from nova_core.types.message import Reply

JSON_WORDS = ("true", "false")


async def answer_form(desk: CallDesk, visit: Visit, form: FormReader) -> Reply | CallerStream:
    """Run the call that a form asks for. Raises NovaError.

    Where the dialect allows it, the call begins once its fields and a lot of its file have come. A part that comes
    after that file cancels it (`PartAfterFileError`), and then this is to be asked again.
    """
    dialect = visit.found.route.dialect
    assert isinstance(dialect, TakesForms)
    if dialect.live_after and not form.late:
        await form.enough([name for name in dialect.live_after if name != "model" or visit.found.model is None])
    else:
        await form.whole()
    form.begun = not form.complete
    answer = await desk.answer_members(visit, with_controls(dialect.from_form(form.fields)))
    try:
        await form.whole()
    except BaseException:
        if isinstance(answer, CallerStream):
            await answer.aclose()
        raise
    return answer


def with_controls(members: dict[str, Any]) -> dict[str, Any]:
    """The gateway's own fields as what they mean: forms have text alone, so objects and lists are JSON there."""
    return {name: _meant(name, value) if name in CONTROLS else value for name, value in members.items()}


def _meant(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not (value in JSON_WORDS or value[:1] in ("{", "[")):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise BadRequestError(f"`{name}` is not valid JSON: {error}", param=name) from error
