"""What is sent and answered about gifts from the hand of the staff, and about lists."""

from __future__ import annotations

from typing import Any

from loyalty_api.fields import Choice, Day, Moment, Schema, Text, Whole
from loyalty_api.paging import PageQuery

REASON = r"[a-z][a-z0-9_-]{0,39}"


class HandGiftBody(Schema):
    """A gift from the hand of the staff: by which rule, why, and as whom the person gives it."""

    rule = Text(required=True, longest=64)
    reason = Text(required=True, longest=40, pattern=REASON, metadata={"description": "a word; see the rule"})
    note = Text(longest=500, allow_none=True, load_default=None)
    staff_ref = Text(required=True, longest=64, metadata={"description": "who gives, as tills name them"})
    store = Text(
        longest=44, allow_none=True, load_default=None, metadata={"description": "where it is given"}
    )


class HandGiftSchema(Schema):
    """A gift that somebody of the staff gave, and who it was. Nobody changes this any more."""

    gift_id = Text(required=True)
    member_id = Text(required=True)
    rule = Text(required=True)
    staff_ref = Text(required=True)
    reason = Text(required=True, longest=40)
    note = Text(required=True, allow_none=True, longest=500)
    store = Text(required=True, allow_none=True)
    client = Text(required=True)
    cost = Whole(required=True, metadata={"description": "what it costs the shop, in minor units"})
    given_on = Day(required=True)
    created_at = Moment(required=True)


class HandGiftQuery(PageQuery):
    """Which gifts: by one person, in one store, from one day to another."""

    staff_ref = Text(longest=64, load_default=None)
    store = Text(longest=44, load_default=None)
    given_from = Day(load_default=None)
    given_to = Day(load_default=None, metadata={"description": "that day included"})


class GiftListBody(Schema):
    """A list to begin: for which rule, and what people call it."""

    rule = Text(required=True, longest=64)
    name = Text(required=True, longest=80)


class GiftListSchema(Schema):
    """A list, and how far it is: ``waiting`` members are still to be looked at."""

    list_id = Text(required=True)
    rule = Text(required=True)
    name = Text(required=True)
    waiting = Whole(required=True)
    given = Whole(required=True)
    refused = Whole(required=True)
    created_at = Moment(required=True)
    created_by = Text(required=True)


class GiftListMemberBody(Schema):
    """One line of a list."""

    member_id = Text(required=True, longest=40)


class GiftListResultSchema(Schema):
    """What became of one line: ``known`` stands on the list already."""

    index = Whole(required=True, metadata={"description": "which line, counted from 0, blank ones left out"})
    member_id = Text(required=True, allow_none=True)
    status = Choice("added", "known", "unknown", "malformed", required=True)


class GiftListMemberSchema(Schema):
    """A member on a list, and what became of that: the gift, or the ``reason`` there is none."""

    member_id = Text(required=True)
    state = Choice("waiting", "given", "refused", required=True)
    reason = Text(required=True, allow_none=True)
    gift_id = Text(required=True, allow_none=True)
    settled_at = Moment(required=True, allow_none=True)


class GiftListMemberQuery(PageQuery):
    """Which of them."""

    state = Choice("waiting", "given", "refused", load_default=None)


HAND_BODY: dict[str, Any] = {
    "rule": "kind_gesture", "reason": "long_queue", "note": "Waited twenty minutes.", "staff_ref": "c-118",
    "store": "str_1",
}  # fmt: skip
HAND_GIFT: dict[str, Any] = {
    "gift_id": "gft_01m80xfza0e4trdbsjq23m1646", "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
    "rule": "kind_gesture", "staff_ref": "C-118", "reason": "long_queue", "note": "Waited twenty minutes.",
    "store": "str_1", "client": "cli_01m80xfza0e4trdbsjq23m1646", "cost": 1500, "given_on": "2026-11-21",
    "created_at": "2026-11-21T15:06:41Z",
}  # fmt: skip
LIST_BODY: dict[str, Any] = {"rule": "thanks_for_patience", "name": "Orders of week 47 that were late"}
LIST: dict[str, Any] = {
    "list_id": "gls_01m80xfza0e4trdbsjq23m1646", "rule": "thanks_for_patience",
    "name": "Orders of week 47 that were late", "waiting": 12000, "given": 37500, "refused": 500,
    "created_at": "2026-11-21T15:06:41Z", "created_by": "cli_01m80xfza0e4trdbsjq23m1646",
}  # fmt: skip
LISTED: dict[str, Any] = {
    "member_id": "mbr_01m80xfza0e4trdbsjq23m1646", "state": "refused", "reason": "opted_out", "gift_id": None,
    "settled_at": "2026-11-21T15:07:00Z",
}  # fmt: skip
LINE: dict[str, Any] = {"member_id": "mbr_01m80xfza0e4trdbsjq23m1646"}
RESULT: dict[str, Any] = {"index": 0, "member_id": "mbr_01m80xfza0e4trdbsjq23m1646", "status": "added"}
