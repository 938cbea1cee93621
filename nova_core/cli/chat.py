"""`nova chat`: a conversation in the terminal, or one question and its answer."""

from __future__ import annotations

import os
import stat
import sys
from typing import Annotated

import typer

from nova_core.cli.choices import InProcessOption, KeyOption, UrlOption
from nova_core.cli.configuration import ConfigOption
from nova_core.cli.failures import UsageError
from nova_core.cli.output import print_json


def chat(
    model: Annotated[str | None, typer.Argument(help="A model of the gateway, or provider/model.")] = None,
    prompt: Annotated[str | None, typer.Argument(help="Ask this and exit; without it, a conversation.")] = None,
    system: Annotated[str | None, typer.Option("--system", "-s", help="What the model is told first.")] = None,
    temperature: Annotated[float | None, typer.Option("--temperature", "-t", help="How varied answers are.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", help="Most tokens of an answer.")] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    in_process: InProcessOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole reply as JSON; needs a prompt.")] = False,
) -> None:
    """Chat with a model. What is piped in is asked, after PROMPT if there is one."""
    question = read_question(prompt)
    if as_json and question is None:
        raise UsageError("--json needs a prompt")

    from nova_core.cli.conversation import Conversation, ask, converse
    from nova_core.cli.opening import Where, open_session

    with open_session(Where(url, key, config, in_process), model) as session:
        parameters = {"temperature": temperature, "max_tokens": max_tokens}
        given = {name: value for name, value in parameters.items() if value is not None}
        conversation = Conversation(session, model or session.chat_model(), system, given)
        if question is None:
            converse(conversation)
        elif as_json:
            print_json(conversation.whole(question).model_dump())
        else:
            ask(conversation, question)


def read_question(prompt: str | None) -> str | None:
    """What to ask: the prompt, what is piped in, or both. None is a conversation. Raises UsageError for no text."""
    if prompt is not None:
        piped = sys.stdin.read() if _is_fed() else ""
        question = "\n\n".join(part for part in (prompt, piped.strip()) if part.strip())
    elif sys.stdin is not None and sys.stdin.isatty():
        return None
    else:
        question = sys.stdin.read().strip() if sys.stdin is not None else ""
    if not question.strip():
        raise UsageError("there is nothing to ask: the prompt is empty", hint='nova chat MODEL "…"')
    return question


def _is_fed() -> bool:
    """Whether stdin is a pipe or a file; not a terminal, and nothing that a supervisor left open."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
