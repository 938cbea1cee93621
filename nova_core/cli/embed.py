"""`nova embed`: vectors for texts."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nova_core.cli.choices import InProcessOption, KeyOption, UrlOption
from nova_core.cli.configuration import ConfigOption
from nova_core.cli.failures import UsageError, say
from nova_core.cli.output import is_terminal, print_json

if TYPE_CHECKING:
    from nova_core.gateway.objects import Answer

SHOWN_NUMBERS = 6
SHOWN_TEXT = 48


class Format(StrEnum):
    """How vectors are written."""

    FLOAT = "float"
    BASE64 = "base64"


def embed(
    model: Annotated[str, typer.Argument(help="A model of the gateway, or provider/model.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="Or piped in, one a line.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="What the vectors are for; selects the adapter.")] = None,
    dimensions: Annotated[int | None, typer.Option("--dimensions", help="Width of the vectors.", min=1)] = None,
    form: Annotated[Format, typer.Option("--format", help="How vectors are written.")] = Format.FLOAT,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    in_process: InProcessOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole reply as JSON.")] = False,
) -> None:
    """Embed texts. Piped onward, each line is one vector: a JSON array, or base64 of float32 numbers."""
    wanted = read_texts(texts or [])

    from nova_core.cli.opening import Where, open_session

    body: dict[str, Any] = {"model": model, "input": wanted, "encoding_format": form.value}
    body |= {name: value for name, value in (("task", task), ("dimensions", dimensions)) if value is not None}
    with open_session(Where(url, key, config, in_process), model) as session:
        answer = session.embed(body)
    if as_json:
        print_json(answer.model_dump())
    elif is_terminal():
        _show(answer, wanted)
    else:
        for item in answer.model_dump()["data"]:
            typer.echo(_written(item["embedding"]))


def read_texts(given: list[str]) -> list[str]:
    """The texts, or the lines that are piped in. Raises UsageError when there are none."""
    texts = given
    if not texts and sys.stdin is not None and not sys.stdin.isatty():
        texts = [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
    if not texts:
        raise UsageError("there is no text to embed", hint='nova embed MODEL "…"')
    return texts


def _show(answer: Answer, texts: list[str]) -> None:
    """A vector is too long to look at: its width and its first numbers."""
    for item, text in zip(answer.model_dump()["data"], texts, strict=True):
        vector = item["embedding"]
        short = text if len(text) <= SHOWN_TEXT else text[:SHOWN_TEXT] + "…"
        if isinstance(vector, str):
            typer.echo(f"{short}: {len(vector)} characters of base64: {vector[:SHOWN_TEXT]}…")
        elif vector and isinstance(vector[0], list):
            typer.echo(f"{short}: {len(vector)} vectors of {len(vector[0])} numbers")
        else:
            numbers = ", ".join(f"{number:.4f}" for number in vector[:SHOWN_NUMBERS])
            typer.echo(f"{short}: {len(vector)} numbers: [{numbers}, …]")
    space = answer.headers.get("embedding-space")
    say("; ".join(filter(None, (_usage(answer), f"embedding space {space}" if space else ""))))


def _usage(answer: Answer) -> str:
    tokens = (answer.model_dump().get("usage") or {}).get("total_tokens")
    return "" if tokens is None else f"{tokens} tokens"


def _written(vector: Any) -> str:
    return vector if isinstance(vector, str) else json.dumps(vector)
