"""Gifts from the hand of the staff, and lists, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy.orm import Session

from loyalty_api import clock, ids, ndjson
from loyalty_api.errors import Invalid, NotFound
from loyalty_api.gifts.service import RuleUnknown
from loyalty_api.giving import lists, schemas, staff
from loyalty_api.giving.queries_lists import GiftList, Listed, Progress
from loyalty_api.giving.queries_staff import StaffGift
from loyalty_api.http import Blueprint, database, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.members.service import BadIdentifier
from loyalty_api.paging import BadCursor, PageQuery, page, page_of, read_cursor
from loyalty_api.purchases.api_till import caller, desk
from loyalty_api.security import StoreNotAllowed, ensure_store, principal

LIMITS = ndjson.Limits(size=16 << 20, lines=100_000)
blueprint = Blueprint(
    "giving",
    __name__,
    url_prefix="/v1",
    description="Gifts from the hand of the staff, and to lists of members.",
)


@blueprint.operation(
    "POST", "/members/<mbr:member_id>/gifts", "give_by_hand", summary="Give a gift by hand", status=201,
    body=schemas.HandGiftBody(), answer=schemas.HandGiftSchema(), example=schemas.HAND_BODY,
    answer_example=schemas.HAND_GIFT,
    errors=(
        NotFound, RuleUnknown, BadIdentifier, Invalid, StoreNotAllowed, staff.GiftToOneself,
        staff.GiftAllowanceUsedUp, staff.GiftRefused,
    ),
)  # fmt: skip
@idempotent(status=201)
def give_by_hand(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """Within the allowance of whoever gives, never to their own account, and with a reason. `errors` of a refusal has
    the code of what stands against the gift."""
    who = principal()
    store = body["store"] or who.store_id
    if store is not None:
        ensure_store(who, store)
    wish = staff.Wish(
        ids.new(), member_id, body["rule"], body["reason"], body["note"], body["staff_ref"], store
    )
    done = staff.give_by_hand(session, desk(), wish=wish, who=caller(), now=clock.now())
    return Answer(_by_hand(done.by, done.note), owner=member_id)


@blueprint.operation(
    "GET", "/gifts/by-staff", "list_gifts_by_staff", summary="What was given by hand", query=schemas.HandGiftQuery(),
    answer=page_of(schemas.HandGiftSchema(), "HandGiftPage"),
    answer_example={"data": [schemas.HAND_GIFT], "next_cursor": None}, errors=(BadCursor, BadIdentifier),
)  # fmt: skip
def list_by_staff(query: dict[str, Any]) -> dict[str, Any]:
    """The latest first. A client that is bound to a store sees what was given there."""
    before = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        found = staff.list_given(
            session, desk().vault, staff_ref=query["staff_ref"], store_id=principal().store_id or query["store"],
            days=(query["given_from"], query["given_to"]), before=before[0] if before else None,
            limit=query["limit"] + 1,
        )  # fmt: skip
    shown = page(found, limit=query["limit"], key=lambda row: [row[0].gift_id])
    return {**shown, "data": [_by_hand(*row) for row in shown["data"]]}


@blueprint.operation(
    "POST", "/gift-lists", "create_gift_list", summary="Begin a list of members to give to", status=201,
    body=schemas.GiftListBody(), answer=schemas.GiftListSchema(), example=schemas.LIST_BODY,
    answer_example={**schemas.LIST, "waiting": 0, "given": 0, "refused": 0}, errors=(RuleUnknown,),
)  # fmt: skip
@idempotent(status=201)
def create_list(session: Session, body: dict[str, Any]) -> Answer:
    """For a rule whose trigger is `list`. Put members on it with `POST …/members`."""
    made = lists.add(
        session, desk(), list_id=ids.new(), rule_id=body["rule"], name=body["name"], by=principal().client_id,
        now=clock.now(),
    )  # fmt: skip
    return Answer(_list(made, Progress()))


@blueprint.operation(
    "GET", "/gift-lists", "list_gift_lists", summary="Lists of members to give to", query=PageQuery(),
    answer=page_of(schemas.GiftListSchema(), "GiftListPage"),
    answer_example={"data": [schemas.LIST], "next_cursor": None}, errors=(BadCursor,),
)  # fmt: skip
def list_lists(query: dict[str, Any]) -> dict[str, Any]:
    """The latest first."""
    before = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        found = lists.list_all(session, before=before[0] if before else None, limit=query["limit"] + 1)
    shown = page(found, limit=query["limit"], key=lambda row: [row[0].list_id])
    return {**shown, "data": [_list(*row) for row in shown["data"]]}


@blueprint.operation(
    "GET", "/gift-lists/<gls:list_id>", "get_gift_list", summary="A list, and how far it is",
    answer=schemas.GiftListSchema(), answer_example=schemas.LIST, errors=(lists.GiftListUnknown,),
)  # fmt: skip
def get_list(list_id: UUID) -> dict[str, Any]:
    """A job grants the gifts; nobody is `waiting` when it is done."""
    with unit_of_work() as session:
        return _list(*lists.get(session, list_id=list_id))


@blueprint.operation(
    "POST", "/gift-lists/<gls:list_id>/members", "add_gift_list_members", summary="Put members on a list",
    body=schemas.GiftListMemberBody(), body_type=ndjson.MEDIA_TYPE, answer=schemas.GiftListResultSchema(),
    answer_type=ndjson.MEDIA_TYPE, example=schemas.LINE, answer_example=schemas.RESULT,
    errors=(lists.GiftListUnknown, ndjson.BatchRunning, ndjson.BodyCutShort),
)  # fmt: skip
def put_on(list_id: UUID) -> Response:
    """One member a line, up to 100,000 a request; one result a line, each answered once it is durable. What was cut off
    is sent again whole. Whoever is no member is answered `unknown`, and the others go on."""
    with unit_of_work() as session:
        made, _ = lists.get(session, list_id=list_id)
    body = ndjson.Body(LIMITS, longest_line=lists.LONGEST_LINE)
    return ndjson.answer(body, lists.put_on(database(), made, body.lines(), clock=clock.now))


@blueprint.operation(
    "GET", "/gift-lists/<gls:list_id>/members", "list_gift_list_members", summary="Who stands on a list",
    query=schemas.GiftListMemberQuery(), answer=page_of(schemas.GiftListMemberSchema(), "GiftListMemberPage"),
    answer_example={"data": [schemas.LISTED], "next_cursor": None}, errors=(lists.GiftListUnknown, BadCursor),
)  # fmt: skip
def list_members(list_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """And what became of each: a gift, or the reason there is none."""
    after = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        found = lists.members_of(
            session, list_id=list_id, state=query["state"], after=after[0] if after else None,
            limit=query["limit"] + 1,
        )  # fmt: skip
    shown = page(found, limit=query["limit"], key=lambda row: [row.member_id])
    return {**shown, "data": [_listed(row) for row in shown["data"]]}


def _by_hand(given: StaffGift, note: str | None) -> dict[str, Any]:
    return {
        "gift_id": ids.show("gft", given.gift_id),
        "member_id": ids.show("mbr", given.member_id),
        "rule": given.rule,
        "staff_ref": given.staff_ref,
        "reason": given.reason,
        "note": note,
        "store": given.store_id,
        "client": given.client_id,
        "cost": given.cost,
        "given_on": given.given_on,
        "created_at": given.created_at,
    }


def _list(made: GiftList, far: Progress) -> dict[str, Any]:
    return {
        "list_id": ids.show("gls", made.list_id),
        "rule": made.rule,
        "name": made.name,
        "waiting": far.waiting,
        "given": far.given,
        "refused": far.refused,
        "created_at": made.created_at,
        "created_by": made.created_by,
    }


def _listed(row: Listed) -> dict[str, Any]:
    return {
        "member_id": ids.show("mbr", row.member_id),
        "state": row.state,
        "reason": row.reason,
        "gift_id": ids.show("gft", row.gift_id) if row.gift_id else None,
        "settled_at": row.settled_at,
    }
