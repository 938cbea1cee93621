"""What the documentation shows works as shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import Page, pages
from tests.docs.running import ADDRESS, ENVIRONMENT, Reader

PAGES = [page for page in pages() if page.runs]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_reader_can_follow_the_page_from_top_to_bottom(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: Callable[[str], str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    asks = any(ADDRESS.search(block.text) for block in page.blocks if block.word != "skip")
    reader = Reader(tmp_path, serving(page.config) if asks else None)
    followed = 0
    for block in page.blocks:
        reader.follow(block)
        followed += 1
    assert followed == len(page.blocks)
