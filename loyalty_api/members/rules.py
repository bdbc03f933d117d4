"""What a member may become, how names and identifiers are shown to those who may not see them. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, get_args
from uuid import UUID, uuid5

from loyalty_api.errors import Conflict

Status = Literal["active", "earn_only", "blocked", "closed", "erased"]
STATUSES: tuple[Status, ...] = get_args(Status)
Step = Literal["block", "restrict", "unblock", "close"]
IdentifierKind = Literal["card", "app_code", "phone", "email", "payment_card", "subject", "staff"]
IDENTIFIER_KINDS: tuple[IdentifierKind, ...] = get_args(IdentifierKind)
SCANNED_KINDS: tuple[IdentifierKind, ...] = ("card", "app_code", "phone", "email", "payment_card")
"""Those that somebody can show at a till."""

_AFTER: dict[Step, Status] = {
    "block": "blocked",
    "restrict": "earn_only",
    "unblock": "active",
    "close": "closed",
}
_WALK_INS = UUID("6f0f3f5e-6c1b-5a53-9f2e-3c1f0a7d9b10")
_FOLDED = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ð": "d", "đ": "d", "þ": "th", "ł": "l", "ı": "i"})
_WORD = re.compile(r"[^\W_]+")


class MemberBlocked(Conflict):
    """The member is blocked: what was asked would let them use the program again."""

    code, title, action = "member_blocked", "This member is blocked", "proceed_without"


class MemberClosed(Conflict):
    """The membership has ended; it does not come back."""

    code, title, action = "member_closed", "This membership is closed", "proceed_without"


def next_status(status: Status, step: Step) -> Status:
    """What a member in ``status`` is after ``step``. Doing what is done already changes nothing.

    :raises MemberClosed: the membership has ended and the step would bring it back.
    """
    after = _AFTER[step]
    if status in ("closed", "erased") and after != status:
        raise MemberClosed
    return after


def ensure_open(status: Status) -> None:
    """Refuse to change a membership that has ended.

    :raises MemberClosed: it has.
    """
    if status in ("closed", "erased"):
        raise MemberClosed


def ensure_may_get_identifier(status: Status) -> None:
    """A blocked member gets nothing new to identify with: it would be a way round the block.

    :raises MemberBlocked: the member is blocked.
    :raises MemberClosed: the membership has ended.
    """
    ensure_open(status)
    if status == "blocked":
        raise MemberBlocked


def walk_in_id(store_id: str) -> UUID:
    """The id of the account that a store's purchases without a member belong to: the same one every time."""
    return uuid5(_WALK_INS, store_id)


def subject_value(*, issuer: str, subject: str) -> str:
    """A person at an identity provider as an identifier of kind ``subject``. No issuer has a bar in it."""
    return f"{issuer}|{subject}"


def masked_name(given: str | None, family: str | None) -> str | None:
    """A name as a till shows it: enough to greet and to check, too little to tell who it is. ``K. N***``."""
    if given and family:
        return f"{given[0]}. {family[0]}***"
    known = given or family
    return f"{known[0]}***" if known else None


def full_name(given: str | None, family: str | None) -> str | None:
    """A name for those who may see it."""
    return " ".join(filter(None, (given, family))) or None


def masked_value(kind: IdentifierKind, value: str) -> str:
    """An identifier so that its owner recognises it and nobody else can use it."""
    if kind == "email":
        local, _, domain = value.rpartition("@")
        return f"{local[0]}***@{domain}"
    if kind == "phone":
        return f"{value[:3]}…{value[-2:]}"
    if kind == "subject":
        return f"{value.partition('|')[0]}|…"
    return "…" + value[-4:] if len(value) >= 8 else "…" + value[-1:]


def name_words(*names: str | None) -> frozenset[str]:
    """The words of some names as people search for them: without case, accents and punctuation."""
    text = " ".join(filter(None, names)).casefold().translate(_FOLDED)
    text = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return frozenset(_WORD.findall(plain))
