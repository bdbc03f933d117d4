"""The metrics tell, beside what was counted, what is so at this moment."""

from __future__ import annotations

from pathlib import Path

import flask

from loyalty_api.app import create_app
from loyalty_api.config import Settings
from loyalty_api.db import Database, driver
from tests.support.shop import KEYS, Shop


def told(app: flask.Flask) -> dict[str, int]:
    """The gauges of /metrics: what is so at this moment."""
    lines = app.test_client().get("/metrics").get_data(as_text=True).splitlines()
    return {
        name: int(value)
        for name, _, value in (line.rpartition(" ") for line in lines)
        if name.startswith(("loyalty_check", "loyalty_late", "loyalty_waiting"))
    }


def test_the_metrics_tell_what_is_as_it_should_be_and_what_waits(fresh_shop: Shop) -> None:
    at_first = told(fresh_shop.app)
    assert at_first['loyalty_check{check="database"}'] == 1
    assert {name: value for name, value in at_first.items() if "check" not in name} == {
        'loyalty_late_seconds{kind="points"}': 0,
        'loyalty_late_seconds{kind="holds"}': 0,
        'loyalty_waiting{kind="reactions"}': 0,
        'loyalty_waiting{kind="rejects"}': 0,
        'loyalty_waiting{kind="failed_jobs"}': 0,
    }
    with fresh_shop.database.unit_of_work() as session:
        driver(session).execute(
            "INSERT INTO balances (member_id, next_due_at) VALUES (gen_random_uuid(), now() - interval '2 hours')"
        )
        driver(session).execute(
            "INSERT INTO rejects (reject_id, client_id, type, code, errors, sealed, fingerprint, created_at)"
            " VALUES (gen_random_uuid(), 'cli', 'purchase', 'invalid', '[]', '', '', now())"
        )
        driver(session).execute(
            "INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, priority, status)"
            " VALUES ('loyalty', 'settle', 0, 'failed')"
        )
    later = told(fresh_shop.app)
    assert later['loyalty_late_seconds{kind="points"}'] >= 7200
    assert later['loyalty_waiting{kind="rejects"}'] == 1
    assert later['loyalty_waiting{kind="failed_jobs"}'] == 1


def test_the_metrics_tell_of_a_database_that_has_gone() -> None:
    nowhere = Database("postgresql:///none?host=/nonexistent")
    found = told(create_app(Settings(data_dir=Path("/nonexistent"), keys=KEYS), database=nowhere))
    nowhere.close()
    assert found['loyalty_check{check="database"}'] == 0
    assert not [name for name in found if "check" not in name]
