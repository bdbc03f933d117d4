"""Gifts that the calendar brings, in two steps: noted for a day by an index, and granted member by member.

What is noted stays noted: a run may be killed anywhere and the next one goes on, at whatever hour. A day is noted once
for each rule, one INSERT that reads nobody whose day it is not; days on which nothing ran are made up for. Each
occasion then becomes a gift, or is refused with the reason that stands against it at that moment, once and for good.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.errors import LoyaltyError
from loyalty_api.gifts.rules import GiftRule
from loyalty_api.gifts.service import Because, Granted
from loyalty_api.giving import queries, rules
from loyalty_api.giving.granting import give
from loyalty_api.giving.queries import Occasion
from loyalty_api.ledger.service import lock_book, write_book
from loyalty_api.members import service as members
from loyalty_api.purchases.desk import Desk
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.birthdays import celebrated
from loyalty_api.rulekit.days import begins, local_day

START = (UUID(int=0), "")
"""Before the first occasion."""
Place = tuple[UUID, str]
_BROKEN = (LoyaltyError, psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError)
_EACH = 1 << 26
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """How many occasions became gifts and how many were refused, and how far it came; None at the end."""

    given: int
    refused: int
    place: Place | None


def due_rules(session: Session, desk: Desk, *, now: datetime) -> tuple[Program, list[GiftRule]] | None:
    """The version in force with its rules whose gifts a job grants; None without any."""
    program = desk.programs.at(driver(session), now)
    found = rules.settled_by_job(program.gifts) if program else []
    return (program, found) if program and found else None


def index_birthdays(session: Session, desk: Desk, program: Program, *, limit: int) -> int:
    """Index birthdays of profiles that nobody has looked at, where a rule asks for them; how many those were."""
    if not any(rule.trigger.kind == "birthday" for rule in rules.of_time(program.gifts)):
        return 0
    return members.index_birthdays(session, vault=desk.vault, limit=limit)


def note_due(session: Session, desk: Desk, program: Program, *, now: datetime) -> int:
    """Note one day of each rule that is behind; how many days of rules those were, 0 when all are up to date.

    A rule that is new begins today. Birthdays are looked for once all are indexed.
    """
    connection, today = driver(session), local_day(now, program.settings.zone)
    timed = rules.of_time(program.gifts)
    if not queries.take_turn(connection):
        return 0
    queries.forget_walks(connection, [rule.rule_id for rule in timed])
    through, noted = queries.walks(connection), 0
    for rule in timed:
        days = rules.days_to_walk(through=through.get(rule.rule_id), today=today)
        if not days or (rule.trigger.kind == "birthday" and queries.birthdays_unread(connection)):
            continue
        if rule.in_window(days[0]) and rule.rule_id not in program.paused:
            _note(session, desk, program, rule, days[0], now)
        queries.note_walk(connection, rule.rule_id, days[0])
        noted += 1
    return noted


def _note(session: Session, desk: Desk, program: Program, rule: GiftRule, due: date, now: datetime) -> None:
    connection, zone = driver(session), program.settings.zone
    match rule.trigger.kind:
        case "birthday":
            birthday = rules.birthday_of(rule, due)
            blinds = members.birthday_blinds(desk.vault, rules.birthdays_on(birthday))
            occasion = rules.birthday_occasion(birthday)
            queries.note_birthdays(
                connection, rule=rule.rule_id, occasion=occasion, due=due, blinds=blinds, now=now
            )
        case "anniversary":
            first = queries.first_enrolment(connection)
            since = local_day(first, zone) if first else due
            found = rules.anniversaries_on(due, every=rule.trigger.number, since=since)
            spans = [(*_span(program, each.joined), each.years) for each in found]
            queries.note_anniversaries(connection, rule=rule.rule_id, due=due, spans=spans, now=now)
        case _:
            last = date.fromordinal(due.toordinal() - rule.trigger.number)
            starts, ends = _span(program, last)
            queries.note_silences(
                connection, rule=rule.rule_id, occasion=f"silence:{last}", due=due, starts=starts, ends=ends, now=now
            )  # fmt: skip


def _span(program: Program, day: date) -> tuple[datetime, datetime]:
    """The instants at which a local day begins and ends."""
    zone = program.settings.zone
    return begins(day, zone), begins(date.fromordinal(day.toordinal() + 1), zone)


def settle_batch(
    session: Session,
    desk: Desk,
    program: Program,
    rule: GiftRule,
    *,
    after: Place,
    first_id: UUID,
    now: datetime,
    limit: int,
) -> Settled:
    """Settle up to ``limit`` waiting occasions of one rule behind ``after``. Whoever is being served is left out.

    Occasions of one rule share a transaction, so that limits are taken in one order. One that cannot be settled is left
    as it is: somebody has to look at it.
    """
    connection = driver(session)
    found = queries.waiting(connection, rule.rule_id, after=after, limit=limit)
    held = queries.lock_free(connection, [due.member_id for due in found])
    granted = list(
        _settle_each(session, desk, program, rule, [d for d in found if d.member_id in held], first_id, now)
    )
    given = sum(one.gift is not None for one in granted)
    place = (found[-1].member_id, found[-1].occasion) if len(found) == limit else None
    return Settled(given, len(granted) - given, place)


def _settle_each(
    session: Session,
    desk: Desk,
    program: Program,
    rule: GiftRule,
    found: Sequence[Occasion],
    first_id: UUID,
    now: datetime,
) -> Iterator[Granted]:
    for n, due in enumerate(found):
        try:
            with session.begin_nested():
                yield _settle(session, desk, program, rule, due, ids.nth(first_id, n * _EACH), now)
        except (DBAPIError, *_BROKEN) as error:
            if not isinstance(error.orig if isinstance(error, DBAPIError) else error, _BROKEN):
                raise
            _log.exception("gift_occasion_failed", extra={"member_id": str(due.member_id), "rule": due.rule})


def _settle(
    session: Session,
    desk: Desk,
    program: Program,
    rule: GiftRule,
    due: Occasion,
    gift_id: UUID,
    now: datetime,
) -> Granted:
    connection = driver(session)
    member, book = lock_book(session, member_id=due.member_id)
    over = _over(session, desk, program, rule, due)
    because = Because(
        "list" if due.list_id else "time",
        due.list_id,
        due.occasion,
        None,
        None,
        {"due_on": due.due_on.isoformat()},
    )
    granted = Granted(refused=over) if over else give(
        session, desk, program=program, rule=rule, member=member, book=book, gift_id=gift_id, because=because, now=now
    )  # fmt: skip
    given = granted.gift.gift_id if granted.gift else None
    queries.settle(connection, due, gift_id=given, reason=granted.refused, now=now)
    write_book(connection, book)
    return granted


def _over(session: Session, desk: Desk, program: Program, rule: GiftRule, due: Occasion) -> str | None:
    """The code that says why an occasion is none any more: another birthday, or a purchase since."""
    if rule.trigger.kind == "birthday":
        born = members.birth_date(driver(session), vault=desk.vault, member_id=due.member_id)
        birthday = rules.birthday_of(rule, due.due_on)
        same = born is not None and celebrated(born, birthday.year) == birthday
        return None if same else "not_birthday"
    if rule.trigger.kind == "silence":
        last = queries.last_bought(driver(session), due.member_id)
        day = local_day(last, program.settings.zone) if last else None
        return "bought_since" if day and f"silence:{day}" > due.occasion else None
    return None
