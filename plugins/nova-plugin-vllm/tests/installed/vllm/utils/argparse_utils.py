"""The parser of vLLM's command line."""

from __future__ import annotations

from argparse import ArgumentParser


class FlexibleArgumentParser(ArgumentParser):
    """vLLM's takes underscores for dashes as well."""
