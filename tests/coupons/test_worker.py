"""A real worker makes the codes; what a killed one left is made by the next, and no code is made twice."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from loyalty_api import ids
from loyalty_api.coupons import batches
from loyalty_api.db import Database
from loyalty_api.vault import Vault
from tests.cli.conftest import Installation, folder, installation  # noqa: F401 - fixtures
from tests.jobs.test_worker import broken, count, wait_until_it_counts_as_dead, worker
from tests.support.engines import until

DOCUMENT = {
    "name": "FRESH", "kind": "single", "count": 300, "uses": 1, "valid_from": None, "valid_until": None, "stores": [],
    "audience": None, "needs_activation": False, "note": None,
}  # fmt: skip
# In small pieces with a breath between, so that there are many moments to be killed at.
_WORK = """
import time
from loyalty_api import config, jobs
from loyalty_api.coupons import service
from loyalty_api.operations.working import Pulse, work

def slowly(session, *, make=service.make_some, **named):
    time.sleep(0.02)
    return make(session, limit=10, **named)

service.make_some = slowly
work(config.read(), pulse=Pulse(0.1, 0.5))
"""


def test_what_a_killed_worker_left_is_made_by_the_next(installation: Installation) -> None:  # noqa: F811
    vault = Vault((("first", bytes(range(32))),))
    database = Database(installation.app_url)
    with database.unit_of_work() as session:
        batches.add(
            session, vault=vault, batch_id=ids.new(), document=DOCUMENT, for_members=None, secret=bytes(32), by="test",
            now=datetime.now(UTC),
        )  # fmt: skip
    database.close()
    made = "SELECT count(*) FROM coupon_codes"
    with worker(installation, sys.executable, "-c", _WORK):
        until(lambda: count(installation, made) > 0, "the first codes are there")
    assert broken(installation) == []
    wait_until_it_counts_as_dead(installation)
    with worker(installation):
        until(lambda: count(installation, made) == DOCUMENT["count"], "all codes are there")
    assert count(installation, "SELECT count(DISTINCT coupon_id) FROM coupon_codes") == DOCUMENT["count"]
    assert broken(installation) == []
