"""What an import does besides is told."""

from __future__ import annotations

import pytest

from nova_core.testing.import_watch import watched_import


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import socket; socket.socket().bind(('127.0.0.1', 0))", "socket.bind"),
        ("open('written', 'w').close()", "open ('written', 'w')"),
        ("import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()", "threads"),
        ("import pathlib; pathlib.Path(__file__).read_text()", "open "),
        ("import os; os.listdir('.')", "os.listdir"),
        ("import socket; socket.gethostbyname('localhost')", "socket.gethostbyname"),
        ("import typer, decimal", ""),
        ("VALUE = 1", ""),
    ],
)
def test_work_at_import_is_told_by_module(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "busy.py").write_text(text)
    seen = watched_import("busy", path=str(tmp_path))["seen"]
    assert [line for line in seen if line.startswith("busy: ") and said in line] == seen
    assert bool(seen) == bool(said)


def test_what_cannot_be_imported_is_an_import_error(tmp_path):
    with pytest.raises(ImportError, match="no_such_module"):
        watched_import("no_such_module", path=str(tmp_path))
