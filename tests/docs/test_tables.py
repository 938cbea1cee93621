"""Tables in the documentation say what the code says."""

from __future__ import annotations

import pytest

from tests.docs.pages import Page, pages
from tests.docs.tables import MAKERS, MARKED, SECTIONS, filled

WITH_TABLES = [page for page in pages() if MARKED.search(page.text)]


@pytest.mark.parametrize("page", WITH_TABLES, ids=lambda page: page.name)
def test_the_tables_of_the_page_are_those_of_the_code(page: Page) -> None:
    assert page.text == filled(page.text), "run: python -m tests.docs.tables"


def test_every_table_that_can_be_made_is_shown() -> None:
    shown = {found["name"] for page in pages() for found in MARKED.finditer(page.text)}
    assert shown == {*SECTIONS, *MAKERS}
