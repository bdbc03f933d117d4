"""A backup is worth what its restore is worth: the drill, in its short form."""

from __future__ import annotations

from tests.drill.drill import run


def test_what_was_acknowledged_survives_the_loss_of_the_server() -> None:
    report = run(seconds=0.5)
    assert report.passed, report
    assert report.acknowledged >= 30, "tills sold before and after the backup"
