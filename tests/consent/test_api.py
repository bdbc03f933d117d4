"""Terms and requests about one's data over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from loyalty_api.consent import api
from loyalty_api.db import Database
from loyalty_api.http import Operation
from tests.members.world import World

TERMS = {"version": "2026-01", "channel": "app", "accepted_at": "2026-01-05T10:00:00+01:00"}
NOBODY = "mbr_01k9tz3v5qf4r8m2c7d6x1w0ab"


@pytest.mark.parametrize("operation", api.blueprint.operations, ids=lambda operation: operation.operation_id)
def test_every_operation_shows_examples_that_hold(operation: Operation) -> None:
    if operation.body is not None:
        assert operation.body.validate(operation.example) == {}
    assert operation.answer is not None
    assert operation.answer.validate(operation.answer_example) == {}


def test_terms_accepted_with_an_enrolment_are_kept(world: World) -> None:
    member = world.enrol(terms=TERMS)
    (kept,) = world.staff.get(f"/members/{member['member_id']}/terms").get_json()["data"]
    assert (kept["version"], kept["channel"]) == ("2026-01", "app")
    assert kept["accepted_at"] == "2026-01-05T09:00:00Z"


def test_every_acceptance_is_kept_in_order_and_a_page_at_a_time(world: World) -> None:
    member = world.enrol(terms=TERMS)
    path = f"/members/{member['member_id']}/terms"
    own = world.member(member["member_id"])
    assert own.post("/me/terms", {"version": "2026-02", "channel": "app"}).status_code == 201
    assert world.staff.post(path, {"version": "2026-03", "channel": "till"}).status_code == 201
    first = world.staff.get(f"{path}?limit=2").get_json()
    second = own.get(f"/me/terms?limit=2&cursor={first['next_cursor']}").get_json()
    assert [each["version"] for each in first["data"] + second["data"]] == ["2026-01", "2026-02", "2026-03"]
    assert second["next_cursor"] is None


def test_the_terms_of_nobody_are_a_404(world: World) -> None:
    assert world.staff.get(f"/members/{NOBODY}/terms").status_code == 404
    assert world.staff.post(f"/members/{NOBODY}/terms", TERMS).status_code == 404


def test_an_acceptance_cannot_be_changed_or_taken_away(world: World, database: Database) -> None:
    world.enrol(terms=TERMS)
    for statement in ("UPDATE terms_acceptances SET version = '2'", "DELETE FROM terms_acceptances"):
        with pytest.raises(ProgrammingError, match="permission denied"), database.unit_of_work() as session:
            session.execute(text(statement))


def test_asking_to_be_forgotten_names_a_day_and_can_be_repeated(world: World, session: Session) -> None:
    own = world.member(world.enrol()["member_id"])
    first, again = own.delete("/me"), own.delete("/me")
    assert first.status_code == again.status_code == 202
    filed = first.get_json()
    assert again.get_json() == filed
    due, asked = (datetime.fromisoformat(filed[name]) for name in ("due_at", "requested_at"))
    assert due - asked == timedelta(days=30)
    assert session.execute(text("SELECT count(*) FROM privacy_requests")).scalar_one() == 1
    told = session.execute(text("SELECT body FROM events WHERE kind = 'erasure_requested'")).scalar_one()
    assert told["request"] == filed["request_id"]


def test_two_members_who_ask_have_two_requests(world: World) -> None:
    one, other = (world.member(world.enrol()["member_id"]) for _ in range(2))
    filed = [own.delete("/me", Idempotency_Key="same").get_json()["request_id"] for own in (one, other)]
    assert filed[0] != filed[1]
