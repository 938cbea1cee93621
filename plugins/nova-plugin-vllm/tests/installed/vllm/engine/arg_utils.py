"""What an engine is made of."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, fields


@dataclass
class AsyncEngineArgs:
    model: str
    dtype: str = "auto"
    max_model_len: int = 100
    runner: str = "auto"
    tensor_parallel_size: int = 1
    enforce_eager: bool = False
    hf_overrides: dict | None = None

    @classmethod
    def from_cli_args(cls, args: Namespace) -> AsyncEngineArgs:
        return cls(**{each.name: getattr(args, each.name) for each in fields(cls)})
