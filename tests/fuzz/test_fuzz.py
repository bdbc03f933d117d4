"""The short form of the fuzz run: as many requests as fit its part of a minute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loyalty_api.engines import Engines
from tests.fuzz import by_schemathesis, seeded
from tests.fuzz.place import Place, open_place
from tests.fuzz.run import Plan, breaches, run
from tests.support.engines import data_folder

# Counts that fit on a quiet machine; on a busy one the time ends each part earlier.
_REQUESTS, _SECONDS, _SEED = 9_000, 14.0, 20_261_122


@pytest.fixture(scope="module")
def place(running: Engines) -> Iterator[Place]:
    with data_folder() as folder, open_place(running, folder) as place:
        yield place


def test_nothing_that_is_sent_makes_it_fail_or_answer_otherwise_than_promised(
    place: Place, tmp_path: Path
) -> None:
    tally = run(place, Plan(_REQUESTS, _SEED, _SECONDS, tmp_path))
    assert not tally.failures, "\n".join(tally.told())
    assert tally.parts[by_schemathesis.PART] >= by_schemathesis.LEAST
    assert tally.parts[seeded.PART] >= seeded.LEAST
    assert tally.outcome == {"requests": tally.requests, "server_errors": 0, "undocumented": 0, "hangs": 0}
    assert breaches(place) == []
