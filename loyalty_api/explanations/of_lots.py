"""What is told of a lot: where it comes from, how long it lives and by which terms, and what has moved it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from loyalty_api.explanations.asked import Asked, Row
from loyalty_api.ledger import queries_lots
from loyalty_api.program.rules_lots import LotTerms, terms_for
from loyalty_api.purchases import queries as purchases
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.words import Explanation, Step

# What a lot that came from something else than a purchase is called like, as entries are.
_SOURCES = {
    "adjustment": "adjust",
    "redemption": "reverse",
    "return": "return_void",
    "event": "event",
    "gift": "gift",
    "period": "period",
}
_ENDLESS = ("end_of_month", "end_of_year")


def lot(asked: Asked, member_id: UUID, found: Row) -> Explanation:
    """Why a lot is there, from when until when it can be used, and what has moved it since."""
    moves = queries_lots.moves_of(asked.connection, member_id, found["lot_id"])
    text = asked.words.say(
        "why", "lot", points=asked.words.points(found["points"]), source=source(asked, found)
    )
    given = [move for move in moves if move["rule"]]
    steps = [
        *(_rule(asked, move) for move in given),
        *life(asked, found, rule=given[0]["rule"] if given else None),
        *(_move(asked, move) for move in moves if not move["rule"]),
        *asked.points("still_pending", found["pending"]),
        *asked.points("still_available", found["available"]),
        *asked.points("still_held", found["held"]),
    ]
    return Explanation(text=text, steps=steps)


def origin(asked: Asked, member_id: UUID, lot_id: UUID | None) -> list[Step]:
    """When the points of a lot were earned, and from what."""
    found = queries_lots.lot(asked.connection, member_id, lot_id) if lot_id else None
    if found is None:
        return []
    version = found["program_version"]
    return [
        asked.day("earned", found["earned_at"], version=version),
        asked.step("source", source(asked, found)),
    ]


def source(asked: Asked, found: Row) -> str:
    """What a lot comes from: a purchase with its receipt's number, a correction, or points that came back."""
    if found["source_type"] == "purchase" and found["source_id"]:
        bought = purchases.find(asked.connection, found["source_id"])
        if bought is not None:
            return f"{asked.words.say('entry', 'earn')} {receipt(asked, bought)}"
    day = asked.date(found["earned_at"], version=found["program_version"])
    kind = _SOURCES.get(found["source_type"]) or "adjust"
    return f"{asked.words.say('entry', kind)}, {day}"


def receipt(asked: Asked, bought: Row) -> str:
    """A purchase by its receipt's number and its day."""
    day = asked.date(bought["occurred_at"], version=bought["program_version"])
    return f"{bought['reference']}, {day}"


def life(asked: Asked, found: Row, *, rule: str | None) -> list[Step]:
    """From when a lot can be used, and until when, with the terms that it was born with."""
    steps, version = [], found["program_version"]
    if found["available_at"] is None:
        steps.append(asked.step("on_event", asked.words.points(found["pending"] or found["points"])))
    elif found["available_at"] > found["earned_at"]:
        steps.append(asked.day("available_at", found["available_at"], version=version))
    if found["expires_at"] is not None:
        steps.append(asked.last_day(found["expires_at"], version=version))
    return [*steps, *terms(asked, found, rule=rule)]


def terms(asked: Asked, found: Row, *, rule: str | None) -> list[Step]:
    """The terms that gave a lot its end, as far as they still say the same: grace may have given it another."""
    if found["sliding_months"]:
        return [asked.step("terms", _said(asked, "inactivity", found["sliding_months"]))]
    program = asked.program(found["program_version"], found["earned_at"])
    for named in _terms_in(program, rule) if program else ():
        times = terms_for(terms=named, at=found["earned_at"], zone=program.settings.zone) if program else None
        if times and times.expires_at == found["expires_at"]:
            kind, number = named.expire
            return [asked.step("terms", _said(asked, kind, number))]
    return []


def _terms_in(program: Program, rule: str | None) -> Iterator[LotTerms]:
    yield from (one.lots for one in program.earning.every if one.rule_id == rule and one.lots)
    yield program.settings.lots


def _said(asked: Asked, kind: str, number: object) -> str:
    words = asked.words
    if kind == "never":
        return words.say("terms", "never")
    if kind == "dates" and isinstance(number, tuple):
        return words.say("terms", "dates", dates=", ".join(map(str, number)))
    count = number if isinstance(number, int) else 0
    key = f"this_{kind}" if kind in _ENDLESS and not count else kind
    return words.say("terms", key, count=count, n=str(count)) if count else words.say("terms", key)


def _rule(asked: Asked, move: Row) -> Step:
    name = asked.rule(move["rule"], move["program_version"], move["occurred_at"])
    return asked.step("rule", f"{name}: {asked.words.points(move['points'])}")


def _move(asked: Asked, move: Row) -> Step:
    """One movement: what it was, when and where, and how many points it moved."""
    words = asked.words
    key = "owed" if move["to_account"] == "debt" else move["kind"]
    title = words.say("entry", key)
    if move["store_name"]:
        title = words.say("entry", "at_place", title=title, place=move["store_name"])
    day = asked.date(move["occurred_at"])
    return Step(label=title, value=f"{day}: {words.points(move['points'])}")
