"""Which configuration file a command works with, and the `.env` files that go with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nova_core.config import Settings

VARIABLES = ("NOVA_CONFIG", "CONFIG_FILE_PATH")
USUAL_NAMES = ("nova.yaml", "config.yaml")

LOOKUP = f"{', '.join(VARIABLES)} in the environment, ./{', ./'.join(USUAL_NAMES)}"

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help=f"Configuration file. Without it: {LOOKUP}."),
]


def find_config(given: Path | None) -> Path | None:
    """The file that was given, named in the environment, or has a usual name here; None when there is none.

    `.env` of this folder and of the file's folder is put into the environment; what is set already stays.
    Raises ConfigError for a `.env` that cannot be read.
    """
    load_dotenv(Path(".env"))
    found = given or _named_in_environment() or _usual()
    if found is not None and found.parent.resolve() != Path.cwd():
        load_dotenv(found.parent / ".env")
    return found


def load_dotenv(path: Path) -> None:
    """Set what the file names and the environment does not."""
    if not path.is_file():
        return
    from nova_core.config import read_dotenv

    for name, value in read_dotenv(path).items():
        os.environ.setdefault(name, value)


def read_config(path: Path) -> Settings:
    """The typed settings; their `environment_variables` are set. Raises ConfigError."""
    from nova_core.config import apply_environment, load, read_settings

    settings = read_settings(load(path))
    apply_environment(settings, os.environ)
    return settings


def _named_in_environment() -> Path | None:
    named = next((value for name in VARIABLES if (value := os.environ.get(name))), None)
    return Path(named) if named else None


def _usual() -> Path | None:
    return next((path for path in map(Path, USUAL_NAMES) if path.is_file()), None)
