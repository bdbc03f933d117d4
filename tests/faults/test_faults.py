"""The short form of ``make faults``: every kind of fault once, under load, and nothing is lost, double or stale.

How long the service was away is reported and not judged here: a test must not depend on how fast a machine is.
"""

from __future__ import annotations

from tests.faults.nemesis import SHORT
from tests.faults.run import repeat, run


def test_under_every_kind_of_fault_no_promise_is_broken() -> None:
    said: list[str] = []
    outcome = run(seed=20, seconds=0, longest=0.8, copies=25, jobs=False, only=SHORT, say=said.append)
    shown = [(breach.kind, breach.what, *breach.history[:20]) for breach in outcome.breaches[:5]]
    assert outcome.breaches == [], (shown, said, repeat(outcome))
    counts = outcome.counts()
    assert set(counts["faults"]) == SHORT
    assert (counts["lost"], counts["double"], counts["stale"]) == (0, 0, 0)
    assert counts["acknowledged"] > 0
    assert outcome.history.reads
