"""Every cell of the matrix: what is asked arrives in the provider's words, the answer in the caller's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.matrix.providers import ROWS
from tests.matrix.running import CALLERS, Cells, started
from tests.matrix.scenarios import SCENARIOS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    with started(tmp_path_factory.mktemp("matrix")) as found:
        yield found


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("provider", ROWS)
def test_a_cell_says_and_tells_all_or_is_refused_by_name(
    cells: Cells, provider: str, caller: str, scenario: str
) -> None:
    result = cells.run(caller, provider, scenario)
    assert result == "ok" or result.startswith("refused: ")
