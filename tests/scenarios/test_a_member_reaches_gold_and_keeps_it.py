"""Two years of a good customer: up to gold, nearly lost, kept at the last moment, and lost at last."""

from __future__ import annotations

import pytest

from tests.support.calendar import Calendar
from tests.support.shop import Shop
from tests.tiers.till import Counter


def test_a_member_reaches_gold_and_keeps_it(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Counter(fresh_shop, Calendar(monkeypatch), downgrade={"to": "one_step", "grace_days": 14})
    member = shop.enrol("9400000000044", on="2026-01-10T10:00+01:00")
    app = fresh_shop.member(member)

    # In spring the way up is shown; in autumn gold is reached, and from then on there are more points.
    shop.sells("9400000000044", 62_000, at="2026-04-11T12:00+02:00")
    assert app.get("/v1/me/summary")["tier"]["next"]["missing"] == 38_000
    coat = shop.sells("9400000000044", 41_000, at="2026-10-24T12:00+02:00")
    assert (coat["tier"]["code"], coat["points"]["earned"]) == ("gold", 410)
    assert shop.sells("9400000000044", 1_000, at="2026-10-25T12:00+01:00")["points"]["earned"] == 15

    # A glove comes back, which is not enough to lose it; the coat would be.
    glove = shop.takes_back(coat, at="2026-10-26T12:00+01:00", amount=4_000)
    assert glove["tier"] == {"code": "gold", "until": "2028-01-14T23:00:00Z", "changed": False}

    # All of 2027 gold holds. In December the app says what is missing, and the member comes once more.
    shop.sells("9400000000044", 90_000, at="2027-06-01T12:00+02:00")
    keep = app.get("/v1/me/tier")["keep"]
    assert (keep["missing"], keep["by"]) == (10_000, "2027-12-31T23:00:00Z")
    shop.sells("9400000000044", 10_000, at="2027-12-30T18:00+01:00")
    assert app.get("/v1/me/tier")["until"] == "2029-01-14T23:00:00Z"

    # The year ends, the job runs, and nothing happens to the level.
    assert shop.jobs_run("2028-01-20T03:00+01:00") == 0
    assert shop.level(member, at="2028-06-01T12:00+02:00") == "gold"

    # A year of little: the days of grace, then one step down, told with the day on which it was due.
    assert shop.level(member, at="2029-01-14T23:59+01:00") == "gold"
    assert shop.level(member, at="2029-01-15T00:00+01:00") == "silver"
    assert shop.jobs_run("2029-01-20T03:00+01:00") == 1
    assert [(level, reason, at) for _, level, reason, at in shop.told(member)] == [
        ("silver", "reached", "2026-04-11T10:00:00Z"),
        ("gold", "reached", "2026-10-24T10:00:00Z"),
        ("silver", "period_ended", "2029-01-14T23:00:00Z"),
    ]
    assert shop.all_is_well()
