"""Which content codings are offered to upstreams, and when what undoes them is loaded."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from nova_core.gateway.http1 import decode
from nova_core.gateway.http1.decode import Codings
from nova_core.gateway.http1.faults import DecodingFault

LOOK = """
import sys
from nova_core.gateway.http1.decode import Codings
codings = Codings()
before = {"brotli", "backports.zstd"} & set(sys.modules)
codings.decoders("br, zstd")
print(codings.accepted, len(before), len({"brotli", "backports.zstd"} & set(sys.modules)))
"""


def test_libraries_are_loaded_by_the_first_answer_that_needs_them():
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True).stdout
    assert said == "gzip, deflate, br, zstd 0 2\n"


@pytest.mark.parametrize("old", ["1.1.0", "1", "unknown"])
def test_a_brotli_that_cannot_stop_is_not_offered(monkeypatch, old):
    real = importlib.metadata.version
    monkeypatch.setattr(decode, "version", lambda name: old if name == "brotli" else real(name))
    codings = Codings()
    assert "br" not in codings.accepted.split(", ")
    with pytest.raises(DecodingFault):
        codings.decoders("br")


def test_what_is_not_installed_is_not_offered(monkeypatch):
    monkeypatch.setattr(decode, "find_spec", lambda name: None)
    assert Codings().accepted == "gzip, deflate"


def test_a_library_that_cannot_be_loaded_breaks_the_answer_alone(monkeypatch):
    codings = Codings()
    monkeypatch.setitem(sys.modules, "brotli", None)
    with pytest.raises(DecodingFault):
        codings.decoders("br")
