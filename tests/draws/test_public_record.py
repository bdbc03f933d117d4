"""What is published of a day: its commitment before, its seed and draws after, and nobody's name ever."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import ProgrammingError

from loyalty_api.db import driver
from loyalty_api.draws import rules
from loyalty_api.draws.reading import Here, InFile, check_all, lines
from loyalty_api.draws.rules_checking import check_day
from tests.draws.days import NOW, buy, day, enrol, keep, lucky, open_draws
from tests.purchases.racing import breaches
from tests.support.shop import Shop

CARDS = [f"87000{n:02}" for n in range(20)]
LATER = NOW + timedelta(days=6)


@pytest.fixture(scope="module")
def members(shop: Shop) -> list[str]:
    """Twenty members who bought yesterday, and one of them today; every day is revealed since."""
    open_draws(shop, lucky(), lucky("rare", trigger={"chance": {"one_in": 1000}}))
    before = shop.office.get(f"/v1/draws/{day(-1)}")
    assert (before["state"], before["record"], before["counts"]) == ("over", None, [])
    found = [enrol(shop, card) for card in CARDS]
    for card in CARDS:
        assert buy(shop, card, at=NOW - timedelta(days=1)).status == 201
    assert buy(shop, CARDS[0]).status == 201
    assert shop.office.get(f"/v1/draws/{day(-1)}/records").code == "draw_day_sealed"
    assert shop.member(found[0]).get(f"/v1/me/draws/{day(-1)}")["draws"][0]["ticket"] is None
    keep(shop, LATER)
    return found


def published(shop: Shop, of: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A day and all its draws, as anybody reads them, in small pages."""
    found, cursor = [], ""
    while True:
        page = shop.office.get(f"/v1/draws/{day(of)}/records?limit=7{cursor}")
        found += page["data"]
        if page["next_cursor"] is None:
            return shop.office.get(f"/v1/draws/{day(of)}").body, found
        cursor = f"&cursor={page['next_cursor']}"


def test_a_day_is_committed_before_it_begins_and_tells_nothing_else(shop: Shop, members: list[str]) -> None:
    assert members
    found = shop.office.get(f"/v1/draws/{day(8)}")
    assert found.code is None, "six days later the day after tomorrow is committed"
    assert found["state"] == "committed"
    assert (found["record"], found["seed"], found["odds"], found["draws"], found["digest"]) == (
        None, None, [], None, None,
    )  # fmt: skip
    assert found["committed_at"] < found["begins_at"] < found["ends_at"] < found["reveals_at"]


def test_a_revealed_day_holds_and_everybody_can_see_that(shop: Shop, members: list[str]) -> None:
    found, draws = published(shop, -1)
    assert check_day(found, draws).faults == []
    assert (found["draws"], len(draws)) == (40, 40)
    assert sum(count["wins"] for count in found["counts"]) == found["wins"] > 0
    assert json.loads(found["record"])["seed"] == found["seed"]
    assert not any(member in json.dumps([found, draws]) for member in members)


def test_a_member_proves_its_own_draw_and_finds_it_in_the_list(shop: Shop, members: list[str]) -> None:
    _, draws = published(shop, -1)
    mine = shop.member(members[3]).get(f"/v1/me/draws/{day(-1)}").body
    record = rules.read_record(mine["day"]["record"])
    for draw in mine["draws"]:
        name = rules.mark(token=bytes.fromhex(mine["token"]), gift=draw["gift"], day=day(-1))
        assert rules.ticket(seed=record.seed, mark=name) == draw["ticket"]
        assert record.tables[draw["gift"]][draw["row"]] == draw["below"]
        assert draw["won"] == (draw["ticket"] < draw["below"])
        assert {key: draw[key] for key in ("gift", "mark", "row", "ticket", "won")} in draws
    assert len(mine["draws"]) == 2


def test_marks_of_one_member_have_nothing_in_common(shop: Shop, members: list[str]) -> None:
    listed = shop.member(members[0]).get("/v1/me/draws?limit=3")
    rest = shop.member(members[0]).get(f"/v1/me/draws?cursor={listed['next_cursor']}")
    own = [*listed["data"], *rest["data"]]
    assert [(draw["day"], draw["gift"]) for draw in own] == [
        (f"{day(0)}", "rare"), (f"{day(0)}", "lucky"), (f"{day(-1)}", "rare"), (f"{day(-1)}", "lucky"),
    ]  # fmt: skip
    assert len({draw["mark"] for draw in own}) == 4
    assert shop.member(members[1]).get(f"/v1/me/draws/{day(0)}").code == "draw_day_unknown"


def test_days_are_listed_the_latest_first_and_follow_from_each_other(shop: Shop, members: list[str]) -> None:
    assert members
    first = shop.office.get("/v1/draws?limit=4")
    second = shop.office.get(f"/v1/draws?limit=4&cursor={first['next_cursor']}")
    days = [*first["data"], *second["data"]]
    assert [one["day"] for one in days] == sorted([one["day"] for one in days], reverse=True)
    assert all(later["previous"] == one["commitment"] for later, one in itertools.pairwise(days))
    assert shop.office.get("/v1/draws?cursor=WyJ4Il0").code == "bad_cursor"
    assert {shop.office.get(f"/v1/draws/{text}").code for text in ("2020-01-01", "x", "20201-1")} == {
        "draw_day_unknown"
    }


def test_the_whole_record_is_checked_here_and_from_a_file(
    shop: Shop, members: list[str], tmp_path: Path
) -> None:
    assert members
    with shop.database.unit_of_work() as session:
        here = Here(driver(session), LATER)
        found = dict(check_all(here, day=None))
        kept = tmp_path / "day.ndjson"
        kept.write_text("\n".join(lines(here, str(day(-1)))))
    assert [one.faults for one in found.values()] == [[]] * len(found)
    assert found[str(day(-1))].draws == 40
    ((_, again),) = check_all(InFile(str(kept)), day=str(day(-1)))
    assert (again.draws, again.faults) == (40, [])
    kept.write_text(kept.read_text().replace('"won": false', '"won": true', 1))
    ((_, cheated),) = check_all(InFile(str(kept)), day=str(day(-1)))
    assert cheated.wrong


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE draw_days SET sealed = '\\x00'",
        "UPDATE draw_days SET commitment = previous",
        "UPDATE draw_days SET reveals_at = now()",
        "DELETE FROM draw_days",
        "UPDATE draws SET won = true",
        "DELETE FROM draws",
    ],
)
def test_the_application_cannot_change_what_was_committed_or_drawn(shop: Shop, change: str) -> None:
    def try_it() -> None:
        with shop.database.unit_of_work() as session:
            session.connection().exec_driver_sql(change)

    with pytest.raises(ProgrammingError) as refused:
        try_it()
    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


def test_nothing_is_done_twice_and_all_of_it_is_right(shop: Shop, members: list[str]) -> None:
    assert members
    before = shop.office.get("/v1/draws").body
    keep(shop, LATER)
    assert shop.office.get("/v1/draws").body == before
    assert breaches(shop) == []
