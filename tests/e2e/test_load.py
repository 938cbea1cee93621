"""One worker under load: nobody fails, nothing leaks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_calls_at_once_and_twenty_thousand_mixed_ones_neither_fail_nor_leak() -> None:
    done = subprocess.run([sys.executable, str(SOAK), "--json"], capture_output=True, text=True, timeout=280)
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["burst_calls"], result["burst_failures"]) == (1000, 0), result
    assert (result["mixed_calls"], result["mixed_failures"]) == (20_000, 0), result
    assert 1_500 < result["mixed_left"] < 2_500, result
    assert result["sockets_after"] <= result["sockets_idle_before"], result
    assert result["memory_after"] - result["memory_warm"] <= 10, result
    assert done.returncode == 0
