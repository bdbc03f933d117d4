"""Draws over HTTP: days and their draws for everybody, and a member's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import clock
from loyalty_api.db import driver
from loyalty_api.draws import queries, schemas, telling
from loyalty_api.draws.schemas import DrawDaySchema, OwnDayDrawsSchema, OwnDrawSchema, PublishedDrawSchema
from loyalty_api.draws.telling import DrawDayUnknown, day_of
from loyalty_api.errors import Conflict, NotFound
from loyalty_api.http import Blueprint, unit_of_work
from loyalty_api.ledger.api import own_id
from loyalty_api.paging import BadCursor, PageQuery, page, page_of, read_cursor

blueprint = Blueprint(
    "draws",
    __name__,
    url_prefix="/v1",
    description="Draws that anybody can check: days, odds and every draw.",
)
_MOST_OF_A_DAY = 1000


class DrawDaySealed(Conflict):
    """A day's draws are published when nobody can draw on it any more."""

    code, title = "draw_day_sealed", "The draws of this day are not revealed yet"


def _day_in(cursor: Sequence[Any] | None) -> date | None:
    """The day that a cursor begins with.

    :raises BadCursor: it does not.
    """
    try:
        return date.fromisoformat(cursor[0]) if cursor else None
    except ValueError as error:
        raise BadCursor from error


@blueprint.operation(
    "GET", "/draws", "list_draw_days", summary="Days of draws", query=PageQuery(),
    answer=page_of(DrawDaySchema(), "DrawDayPage"), answer_example={"data": [schemas.DAY], "next_cursor": None},
)  # fmt: skip
def list_days(query: dict[str, Any]) -> dict[str, Any]:
    """The latest first, from the last one that is committed. Anybody may read them."""
    place, now = read_cursor(query["cursor"], str), clock.now()
    with unit_of_work() as session:
        rows = queries.days(driver(session), before=_day_in(place), limit=query["limit"] + 1)
    listed = page(rows, limit=query["limit"], key=lambda row: [row.day.isoformat()])
    return {**listed, "data": [telling.document(row, now) for row in listed["data"]]}


@blueprint.operation(
    "GET", "/draws/<day>", "get_draw_day", summary="A day of draws", answer=DrawDaySchema(),
    answer_example=schemas.DAY, errors=(DrawDayUnknown,),
)  # fmt: skip
def get_day(day: str) -> dict[str, Any]:
    """Its commitment before it begins, its numbers when it is over, its seed and odds when it is revealed."""
    with unit_of_work() as session:
        return telling.document(telling.find(driver(session), day_of(day)), clock.now())


@blueprint.operation(
    "GET", "/draws/<day>/records", "list_draws", summary="All draws of a day", query=PageQuery(),
    answer=page_of(PublishedDrawSchema(), "PublishedDrawPage"),
    answer_example={"data": [schemas.PUBLISHED], "next_cursor": None}, errors=(DrawDayUnknown, DrawDaySealed),
)  # fmt: skip
def list_draws(day: str, query: dict[str, Any]) -> dict[str, Any]:
    """In the order of gift and mark, once the day is revealed. No mark says whose it is."""
    place, wanted = read_cursor(query["cursor"], str, str), day_of(day)
    with unit_of_work() as session:
        if telling.find(driver(session), wanted).revealed_at is None:
            raise DrawDaySealed
        found = queries.listed(
            driver(session), wanted, after=(place[0], place[1]) if place else None, limit=query["limit"] + 1
        )
    listed = page(found, limit=query["limit"], key=lambda draw: [draw.gift, draw.mark])
    return {**listed, "data": [telling.published(draw) for draw in listed["data"]]}


@blueprint.operation(
    "GET", "/me/draws", "me_draws", summary="My draws", query=PageQuery(),
    answer=page_of(OwnDrawSchema(), "OwnDrawPage"), answer_example={"data": [schemas.OWN], "next_cursor": None},
)  # fmt: skip
def list_own(query: dict[str, Any]) -> dict[str, Any]:
    """The latest day first, won or not."""
    place = read_cursor(query["cursor"], str, str)
    day = _day_in(place)
    before = (day, place[1]) if place and day else None
    with unit_of_work() as session:
        found = telling.own_draws(driver(session), own_id(), before=before, limit=query["limit"] + 1)
    return page(found, limit=query["limit"], key=lambda draw: [draw["day"].isoformat(), draw["gift"]])


@blueprint.operation(
    "GET", "/me/draws/<day>", "me_draws_of_day", summary="My draws of a day, and how to repeat them",
    answer=OwnDayDrawsSchema(),
    answer_example={"token": "8c1f0a9be27d4c3f95aa01b2c3d4e5f6", "day": schemas.DAY, "draws": [schemas.OWN]},
    errors=(DrawDayUnknown, NotFound),
)  # fmt: skip
def get_own(day: str) -> dict[str, Any]:
    """The member's draw token with the day's record and draws. docs/draws.md repeats them in ten lines."""
    member_id, wanted = own_id(), day_of(day)
    with unit_of_work() as session:
        found = _of_day(session, member_id, wanted)
        return {**_token(session, member_id), **found}


def _token(session: Session, member_id: UUID) -> dict[str, str]:
    token = queries.token_of(driver(session), member_id)
    if token is None:
        raise NotFound("There is no such member.")
    return {"token": token.hex()}


def _of_day(session: Session, member_id: UUID, day: date) -> dict[str, Any]:
    connection = driver(session)
    draws = telling.own_draws(connection, member_id, day=day, limit=_MOST_OF_A_DAY)
    if not draws:
        raise DrawDayUnknown
    return {"day": telling.document(telling.find(connection, day), clock.now()), "draws": draws}
