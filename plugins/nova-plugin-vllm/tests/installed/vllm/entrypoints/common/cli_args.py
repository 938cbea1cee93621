"""Some of the arguments of `vllm serve`."""

from __future__ import annotations

import json
from argparse import BooleanOptionalAction

from vllm.utils.argparse_utils import FlexibleArgumentParser

SWITCHES = (
    "disable-fastapi-docs", "disable-log-stats", "enable-auto-tool-choice", "enable-lora",
    "enable-prompt-tokens-details", "enforce-eager",
)  # fmt: skip


def make_arg_parser(parser: FlexibleArgumentParser) -> FlexibleArgumentParser:
    parser.add_argument("--model", default="")
    parser.add_argument("--api-key", nargs="*")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--max-model-len", type=int, default=100)
    parser.add_argument("--runner", choices=("auto", "generate", "pooling"), default="auto")
    parser.add_argument("--tensor-parallel-size", type=int, default=1)
    parser.add_argument("--tool-call-parser")
    parser.add_argument("--reasoning-parser", default="")
    parser.add_argument("--lora-modules", nargs="*", default=None)
    parser.add_argument("--hf-overrides", type=json.loads, default=None)
    for switch in SWITCHES:
        parser.add_argument(f"--{switch}", action=BooleanOptionalAction, default=False)
    return parser
