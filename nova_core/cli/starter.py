"""The configuration that `nova init` writes."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from nova_core.cli.listing import ModelRow

WIDTH = 110

HEAD = """\
# Configuration of a nova gateway.
#   nova check {file}              says what is wrong with it
#   nova serve --config {file}     starts it
#   nova chat --config {file}      talks to it
# `nova check --schema` prints a JSON Schema for editors; `nova plugins` lists what is installed.

"""

MODELS = """\
# model_name is what callers ask for. params say who serves it: model is provider/model. Several entries with one
# model_name share its calls.
model_list:
"""

ENTRY = """\
  - model_name: {name}
    params:
      model: {model}
    model_info:
      mode: {mode}
"""

NO_ENTRY = """\
  []
"""

EXAMPLES = """\
  # A model of a vendor. Keys stay out of this file: os.environ/NAME reads the environment, or .env beside this file.
  # - model_name: large
  #   params:
  #     model: provider/model
  #     api_key: os.environ/PROVIDER_API_KEY
  #     timeout: 60                          # seconds
  #     num_retries: 2
  # Installed providers:
{providers}
  #
  # A server of your own that speaks an API one of the providers speaks.
  # - model_name: ours
  #   params:
  #     model: provider/model
  #     api_base: http://127.0.0.1:8000/v1

"""

REST = """\
# How calls are routed, and what happens when one fails.
router_settings:
  num_retries: 2                             # further attempts, another deployment of the model first
  timeout: 600                               # seconds a call may take
  # fallbacks:                               # another model when all deployments of one have failed
  #   - large: [ours]

# What applies to every call.
nova_settings:
  drop_params: false                         # true: leave out what a provider cannot express, and say so in a header

# The server. Without a master key it answers on this machine only.
# general_settings:
#   master_key: os.environ/NOVA_MASTER_KEY
"""


def starter_text(file: str, offered: Sequence[ModelRow], providers: Sequence[str]) -> str:
    """The text for a file of this name: the models that installed providers offer without a key, and examples."""
    entries = "".join(
        ENTRY.format(name=row.name.partition("/")[2], model=row.name, mode=row.mode) for row in first_of_each(offered)
    )
    names = ", ".join(providers) or "none yet, pip install nova-plugin-NAME"
    listed = fill(names, WIDTH, initial_indent="  #   ", subsequent_indent="  #   ", break_on_hyphens=False)
    examples = EXAMPLES.format(providers=listed)
    return HEAD.format(file=file) + MODELS + (entries or NO_ENTRY) + examples + REST


def first_of_each(offered: Sequence[ModelRow]) -> list[ModelRow]:
    """Of each provider the first model of each mode; a name that two providers have is the first one's."""
    chosen: dict[tuple[str, str | None], ModelRow] = {}
    for row in offered:
        if row.mode is not None:
            chosen.setdefault((row.source, row.mode), row)
    by_name: dict[str, ModelRow] = {}
    for row in chosen.values():
        by_name.setdefault(row.name.partition("/")[2], row)
    return list(by_name.values())
