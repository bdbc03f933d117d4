"""The line was down all day: the till sends what it queued, twice, and one thing in it was wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.purchases.racing import breaches, settled
from tests.support.documents import earning
from tests.support.shop import Shop, line, receipt


def test_an_outage_is_replayed(fresh_shop: Shop) -> None:
    shop, till = fresh_shop, fresh_shop.till
    member = shop.enrol("OUTAGE1")
    morning = datetime.now(UTC) - timedelta(hours=10)
    # At noon, with the line down, the rules changed.
    shop.publish(earning(2), effective_from=morning + timedelta(hours=5))

    def queued(hour: int, **more: object) -> dict[str, object]:
        at = morning + timedelta(hours=hour)
        body = receipt(line(1000), card="OUTAGE1", at=at, offline=True, **more)
        return {"type": "purchase", "body": body}

    day = [queued(hour) for hour in range(9)]
    wrong = queued(9, currency="SEK")
    twice = [*day, wrong, wrong, b"{torn", day[0], queued(9, kind="training")]

    first = till.upload("POST", "/v1/batch", twice)
    assert [(result["status"], result["code"]) for result in first.lines] == [
        *[("created", None)] * 9,
        ("rejected", "currency_mismatch"),
        ("rejected", "currency_mismatch"),
        ("rejected", first.lines[11]["code"]),
        ("duplicate", None),
        ("ignored", None),
    ]
    # Each receipt by the rules of its own hour: five in the morning, four in the afternoon.
    assert [result["points"] for result in first.lines[:9]] == [10] * 5 + [20] * 4
    assert settled(shop).balance(member)["available"] == 130

    # The answer was cut short, so the till sends the file again, whole.
    again = till.upload("POST", "/v1/batch", twice)
    assert [result["status"] for result in again.lines[:9]] == ["duplicate"] * 9
    assert [result["id"] for result in again.lines[:9]] == [result["id"] for result in first.lines[:9]]
    assert shop.balance(member)["available"] == 130

    # What was refused waits once for a person, who sees to it.
    rejects = shop.office.get("/v1/rejects")["data"]
    assert sorted(reject["code"] for reject in rejects) == sorted(
        {"currency_mismatch", first.lines[11]["code"]}
    )
    for reject in rejects:
        cleared = shop.office.post(f"/v1/rejects/{reject['reject_id']}/clear", {"note": "Rung up again."})
        assert cleared["state"] == "cleared"
    assert shop.office.get("/v1/rejects")["data"] == []
    assert breaches(shop) == []
