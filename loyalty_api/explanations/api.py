"""Why, over HTTP: of an entry, of a lot and of a level, for the office, for the app and for the member."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app

from loyalty_api import clock
from loyalty_api.errors import NotFound
from loyalty_api.explanations import service
from loyalty_api.http import LANGUAGE, Blueprint, database, spoken, unit_of_work
from loyalty_api.ledger import reading
from loyalty_api.ledger.api import own_id
from loyalty_api.purchases.api_till import ExplanationSchema

blueprint = Blueprint(
    "why", __name__, url_prefix="/v1", description="Why: every point, every lot and every level."
)

ENTRY = {
    "text": "50 points from the rule Fresh bonus.",
    "steps": [
        {"label": "Purchase", "value": "004711, 2026-11-21"},
        {"label": "Rule", "value": "Fresh bonus"},
        {"label": "Version of the program", "value": "12"},
        {"label": "Rate", "value": "1 point for each whole 1.00 NOK of 50.00 NOK"},
        {"label": "Line 7038010055720", "value": "50.00 NOK: 50 points"},
    ],
}
LOT = {
    "text": "50 points from: Purchase 004711, 2026-11-21.",
    "steps": [
        {"label": "Rule", "value": "Fresh bonus: 50 points"},
        {"label": "Last day", "value": "2027-11-30"},
        {"label": "Lifetime", "value": "until the end of the month, 12 months on"},
        {"label": "Points used", "value": "2026-12-18: 30 points"},
        {"label": "Left to use", "value": "20 points"},
    ],
}
LEVEL = {
    "text": "Gold was reached.",
    "steps": [
        {"label": "Counted", "value": "10,123.00 NOK"},
        {"label": "Asked for", "value": "10,000.00 NOK"},
        {"label": "Counted from", "value": "2026-01-01"},
        {"label": "Counted until", "value": "2026-12-31"},
        {"label": "Version of the program", "value": "12"},
        {"label": "Level before", "value": "Silver"},
        {"label": "Level after", "value": "Gold"},
        {"label": "On", "value": "2026-11-21"},
        {"label": "Purchase", "value": "004711, 2026-11-21"},
    ],
}


@blueprint.operation(
    "GET", "/entries/<entry_id>/explanation", "explain_entry", summary="Why this entry",
    answer=ExplanationSchema(), answer_example=ENTRY, headers=LANGUAGE, errors=(NotFound,),
)  # fmt: skip
def explain_entry(entry_id: str) -> dict[str, Any]:
    """The decision that led to one entry of a statement: the same answer a year later, under whatever rules then."""
    return _entry(entry_id, owner=None)


@blueprint.operation(
    "GET", "/me/entries/<entry_id>/explanation", "me_explain_entry", summary="Why this entry of mine",
    answer=ExplanationSchema(), answer_example=ENTRY, headers=LANGUAGE, errors=(NotFound,),
)  # fmt: skip
def explain_own_entry(entry_id: str) -> dict[str, Any]:
    """The decision that led to one entry of my statement."""
    return _entry(entry_id, owner=own_id())


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/lots/<lot:lot_id>/explanation", "explain_lot", summary="Why these points",
    answer=ExplanationSchema(), answer_example=LOT, headers=LANGUAGE, errors=(NotFound,),
)  # fmt: skip
def explain_lot(member_id: UUID, lot_id: UUID) -> dict[str, Any]:
    """What brought a lot, from when until when it can be used and by which terms, and what has moved it since."""
    return _lot(member_id, lot_id)


@blueprint.operation(
    "GET", "/me/lots/<lot:lot_id>/explanation", "me_explain_lot", summary="Why these points of mine",
    answer=ExplanationSchema(), answer_example=LOT, headers=LANGUAGE, errors=(NotFound,),
)  # fmt: skip
def explain_own_lot(lot_id: UUID) -> dict[str, Any]:
    """The same of a lot of the token's member."""
    return _lot(own_id(), lot_id)


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/tier/changes/<int:change_no>/explanation", "explain_tier_change",
    summary="Why this level", answer=ExplanationSchema(), answer_example=LEVEL, headers=LANGUAGE, errors=(NotFound,),
)  # fmt: skip
def explain_level_change(member_id: UUID, change_no: int) -> dict[str, Any]:
    """What counted when the level changed, in which period, and what the level asked for by the rules of that time."""
    return _level_change(member_id, change_no)


@blueprint.operation(
    "GET", "/me/tier/changes/<int:change_no>/explanation", "me_explain_tier_change", summary="Why this level of mine",
    answer=ExplanationSchema(), answer_example=LEVEL, headers=LANGUAGE, errors=(NotFound,),
)  # fmt: skip
def explain_own_level_change(change_no: int) -> dict[str, Any]:
    """The same of a change of the token's member."""
    return _level_change(own_id(), change_no)


def _level_change(member_id: UUID, number: int) -> dict[str, Any]:
    programs, now = current_app.extensions["programs"], clock.now()
    with database().unit_of_work(snapshot=True) as session:
        found = service.level_change(
            session, programs, member_id=member_id, number=number, language=spoken(), now=now
        )
    return {**found}


def _entry(entry_id: str, *, owner: UUID | None) -> dict[str, Any]:
    place = reading.read_entry_id(entry_id)
    if place is None:
        raise NotFound("There is no such entry.")
    programs = current_app.extensions["programs"]
    with unit_of_work() as session:
        return {**service.entry(session, programs, place=place, owner=owner, language=spoken())}


def _lot(member_id: UUID, lot_id: UUID) -> dict[str, Any]:
    programs = current_app.extensions["programs"]
    with unit_of_work() as session:
        return {**service.lot(session, programs, member_id=member_id, lot_id=lot_id, language=spoken())}
