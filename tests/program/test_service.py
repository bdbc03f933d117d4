"""Program versions in a process and in the database: which one is in force, and that nobody can change it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.program import service
from loyalty_api.program.service import Programs
from loyalty_api.rating.rules_program import check_document
from tests.purchases.racing import at_once, patiently, times
from tests.support.documents import earning
from tests.support.engines import until
from tests.support.shop import Shop, line, receipt

TODAY = datetime(2031, 1, 1, tzinfo=UTC)


def publish(shop: Shop, points: int, *, starts: datetime | None, now: datetime = TODAY) -> int:
    """Publish rules that give so many points, as of ``now``; their version."""
    with shop.database.unit_of_work() as session:
        draft = service.add_draft(
            session, draft_id=ids.new(), document=earning(points), note=None, check=check_document,
            by="test", now=now,
        )  # fmt: skip
        made = service.publish(
            session, draft_id=draft.draft_id, effective_from=starts, check=check_document, by="test", now=now
        )
    return made.version


def in_force(shop: Shop, programs: Programs[Any], moment: datetime) -> int | None:
    with shop.database.unit_of_work() as session:
        found = programs.in_force(driver(session), moment)
    return found.version if found else None


def plain() -> Programs[Any]:
    """What another process knows: nothing yet."""
    return Programs(lambda document, version: (version, document))


def test_a_version_takes_effect_a_minute_ahead_at_the_earliest(fresh_shop: Shop) -> None:
    with pytest.raises(service.TooSoon):
        publish(fresh_shop, 2, starts=TODAY + timedelta(seconds=59))
    assert publish(fresh_shop, 2, starts=TODAY + timedelta(seconds=60)) == 2
    assert publish(fresh_shop, 3, starts=None) == 3


def test_each_moment_has_the_latest_version_that_had_begun(fresh_shop: Shop) -> None:
    publish(fresh_shop, 2, starts=TODAY + timedelta(days=10))
    publish(fresh_shop, 3, starts=TODAY + timedelta(days=5))
    publish(fresh_shop, 4, starts=TODAY + timedelta(days=10))
    programs = plain()
    days = {day: in_force(fresh_shop, programs, TODAY + timedelta(days=day)) for day in (0, 5, 9, 10, 99)}
    assert days == {0: 1, 5: 3, 9: 3, 10: 4, 99: 4}
    assert in_force(fresh_shop, programs, datetime(2016, 12, 31, tzinfo=UTC)) is None


def test_versions_published_at_once_have_numbers_without_gap_and_double(fresh_shop: Shop) -> None:
    later = TODAY + timedelta(days=1)
    made = at_once(*times(8, patiently, partial(publish, fresh_shop, 2, starts=later)))
    assert sorted(made) == list(range(2, 10))


def test_threads_of_one_process_that_read_new_versions_at_once_miss_none(fresh_shop: Shop) -> None:
    programs = plain()
    for version in range(2, 8):
        publish(fresh_shop, version, starts=TODAY + timedelta(days=version))
        programs._read_at = float("-inf")
        last = TODAY + timedelta(days=version)
        seen = at_once(*times(8, patiently, in_force, fresh_shop, programs, last))
        assert set(seen) <= {version - 1, version}
        assert in_force(fresh_shop, programs, last) == version
    with fresh_shop.database.unit_of_work() as session:
        assert [found.version for found in programs.published(driver(session))] == list(range(1, 8))


def test_a_thread_that_is_reading_does_not_show_others_half_of_it(fresh_shop: Shop) -> None:
    """Compiling takes a while; meanwhile what was known goes on to hold."""
    reading, may_end = threading.Event(), threading.Event()

    def slow(document: dict[str, Any], version: int) -> int:
        if version > 1:
            reading.set()
            may_end.wait(60)
        return version

    programs: Programs[int] = Programs(slow)
    later = TODAY + timedelta(days=9)
    assert in_force(fresh_shop, programs, later) == 1
    publish(fresh_shop, 2, starts=TODAY + timedelta(days=1))
    programs._read_at = float("-inf")
    reader = threading.Thread(target=lambda: in_force(fresh_shop, programs, later))
    reader.start()
    assert reading.wait(60)
    assert programs.current(fresh_shop.database, later) in ((1, 1), (2, 2))
    may_end.set()
    reader.join()
    assert programs.current(fresh_shop.database, later) == (2, 2)


def test_another_process_sees_a_new_version_within_seconds(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = plain(), plain()
    assert in_force(fresh_shop, here, TODAY) == in_force(fresh_shop, there, TODAY) == 1
    publish(fresh_shop, 2, starts=TODAY + timedelta(minutes=1))
    assert service._REREAD_SECONDS <= 5
    assert service.NOTICE.total_seconds() > service._REREAD_SECONDS
    later = TODAY + timedelta(minutes=1)
    until(lambda: in_force(fresh_shop, there, later) == 2, "the other process knows the new version")


@pytest.mark.parametrize(
    "change", ["UPDATE program_versions SET document = '{}'", "DELETE FROM program_versions"]
)
def test_the_application_cannot_change_what_is_published(shop: Shop, change: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), shop.database.unit_of_work() as session:
        driver(session).execute(change)


def test_a_late_receipt_is_rated_by_the_rules_of_its_own_time(fresh_shop: Shop) -> None:
    shop, now = fresh_shop, datetime.now(UTC)
    shop.publish(earning(2), effective_from=now - timedelta(days=10))
    shop.publish(earning(3), effective_from=now - timedelta(days=5))
    shop.enrol("TWOCLOCKS")
    earned = {}
    for days in (20, 10, 7, 5, 1):
        at = now - timedelta(days=days) + timedelta(seconds=5)
        sold = shop.till.post("/v1/purchases", receipt(line(100), card="TWOCLOCKS", at=at), key=None)
        earned[days] = (sold["points"]["earned"], sold["program_version"])
    assert earned == {20: (1, 1), 10: (2, 2), 7: (2, 2), 5: (3, 3), 1: (3, 3)}


def test_a_purchase_from_before_the_program_is_kept_and_earns_nothing(shop: Shop) -> None:
    shop.enrol("EARLY")
    body = receipt(line(5000), card="EARLY", at=datetime(2016, 6, 1, tzinfo=UTC))
    sold = shop.till.post("/v1/purchases", body, key=None)
    assert (sold.status, sold["points"]["earned"], sold["program_version"]) == (201, 0, None)
    why = shop.office.get(f"/v1/purchases/{sold['purchase_id']}/explanation")
    assert why["text"]
