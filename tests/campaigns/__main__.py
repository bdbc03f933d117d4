"""``python -m tests.campaigns``: all redemptions of a real grocer's year before the service, and used at its tills.

The last line is one JSON object; the exit status is 1 when anything was answered otherwise than it should be.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from loyalty_api import config, engines, migrating
from loyalty_api.app import create_app
from loyalty_api.db import Database
from loyalty_api.demo import data
from loyalty_api.engines import Engines
from tests.campaigns import real
from tests.campaigns.redeeming import Said, answers, open_town, shown_with, use
from tests.purchases.racing import breaches
from tests.support.engines import run_engines
from tests.support.shop import KEYS, open_shop

EXPECTED = {
    "as_it_was": None,
    "long_after": "coupon_expired",
    "long_before": "coupon_not_yet_valid",
    "not_targeted": "coupon_not_yours",
}


def main() -> int:
    """Do all of it once, in a database of its own."""
    logging.disable(logging.WARNING)
    began = time.monotonic()
    with contextmanager(run_engines)() as running:
        owner_url, app_url = engines.ensure_database(running, "campaigns")
        migrating.upgrade(owner_url=owner_url, app_url=app_url)
        database = Database(app_url, threads=4)
        try:
            report = told(running, database)
        finally:
            database.close()
    sys.stdout.write(json.dumps({**report, "seconds": round(time.monotonic() - began, 1)}) + "\n")
    return 0 if report["ok"] else 1


def told(running: Engines, database: Database) -> dict[str, object]:
    """What became of every redemption."""
    settings = config.Settings(data_dir=Path("/nonexistent"), redis_url=running.redis_url, keys=KEYS)
    shop = open_shop(create_app(settings, database=database))
    campaigns, redemptions = real.campaigns(), real.redemptions()
    meant = {household for each in campaigns.values() for household in each.households}
    nobody = next(number for number in range(1, len(meant) + 2) if number not in meant)
    households = [*[one.household for one in redemptions], nobody]
    town = open_town(shop, campaigns, households=households, promoted=campaigns)
    said: Said = answers(town, redemptions)
    baskets = shown_with(town, redemptions, data.purchases_by_day(days=data.ALL_DAYS))
    shown = sum(len(each.redemptions) for each in baskets)
    became, broken = use(town, baskets), breaches(shop)
    right = all(said[case] == {code: len(redemptions)} for case, code in EXPECTED.items())
    return {
        "ok": right and became["used"] == shown and not broken,
        "redemptions": len(redemptions),
        **{case: {code or "accepted": number for code, number in of.items()} for case, of in said.items()},
        "shown": shown,
        **{f"coupons {what}": number for what, number in sorted(became.items())},
        "broken": broken,
    }


if __name__ == "__main__":
    sys.exit(main())
