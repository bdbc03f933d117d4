"""What a client may be granted, and which key signs when. Pure.

A scope is granted only if three agree: the kind of client may hold it, this client's own list holds it, and
the token request did not leave it out. Nothing is ever granted that is not on the client's list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from loyalty_api.errors import Fault, Invalid

ClientKind = Literal["terminal", "staff", "mobile", "partner", "admin"]
CLIENT_KINDS: tuple[ClientKind, ...] = get_args(ClientKind)

SCOPES: Mapping[str, str] = {
    "members:lookup": "Find a member by something a till can scan",
    "members:read": "Read members, balances and histories",
    "members:write": "Enrol and change members",
    "quotes:create": "Price a basket",
    "purchases:write": "Report purchases",
    "purchases:read": "Read purchases and their explanations",
    "purchases:import": "Report purchases of every store",
    "purchases:review": "Clear what a batch rejected",
    "returns:write": "Report returns",
    "redemptions:write": "Use points",
    "rewards:read": "Read the catalogue of rewards",
    "rewards:write": "Change the catalogue of rewards",
    "coupons:read": "Read batches of coupons and where coupons were used",
    "coupons:write": "Make coupons, read their codes once, and block them",
    "points:adjust": "Correct members' points",
    "tiers:assign": "Give members a level",
    "claims:write": "Claim a purchase for a member afterwards",
    "stores:read": "Read stores",
    "stores:write": "Change stores",
    "products:read": "Read products",
    "products:write": "Change products",
    "gifts:give": "Give gifts by hand, within an allowance",
    "gifts:read": "Read what was given by hand and to lists",
    "gifts:write": "Give to lists of members",
    "program:read": "Read the program, its versions and its totals",
    "program:write": "Draft and publish program versions",
    "program:approve": "Agree, as a second person, that a program version is published",
    "program:pause": "Stop a rule of the program at once, and let it go on",
    "gifts:terms": "Publish the terms of chances that are tied to buying",
    "events:read": "Read what happened, in order",
    "events:write": "Report what members do beside buying",
    "sandbox:clock": "Move the business time of a sandbox",
    "clients:read": "Read clients",
    "clients:write": "Create, change and revoke clients",
    "me:read": "A member: read one's own account",
    "me:redeem": "A member: use one's own points",
    "me:claim": "A member: claim one's own purchase",
    "me:write": "A member: change one's own account",
}
MEMBER_SCOPES = frozenset(scope for scope in SCOPES if scope.startswith("me:"))

_LANE = frozenset(
    {"members:lookup", "quotes:create", "purchases:write", "returns:write", "redemptions:write"}
)
_LOOK = frozenset({"stores:read", "products:read", "program:read", "rewards:read"})
_MEMBERS = frozenset({"members:lookup", "members:read", "members:write", "purchases:read", "claims:write"})

# The largest set of scopes that a client of each kind may ever hold.
ALLOWED: Mapping[ClientKind, frozenset[str]] = {
    "terminal": _LANE | _LOOK | {"members:read", "members:write", "purchases:read"},
    "staff": _MEMBERS
    | _LOOK
    | {"quotes:create", "returns:write", "redemptions:write", "purchases:import", "purchases:review"}
    | {"rewards:write", "coupons:read", "coupons:write", "points:adjust", "tiers:assign", "events:write"}
    | {"program:approve", "program:pause", "gifts:give", "gifts:read", "gifts:write"},
    "mobile": _MEMBERS | _LOOK | MEMBER_SCOPES | {"events:read", "events:write"},
    "partner": _LANE | _LOOK | {"purchases:read", "purchases:import", "events:read", "events:write"},
    "admin": frozenset(SCOPES) - MEMBER_SCOPES,
}
# What a client of each kind gets when nothing else is said. Whoever answers for the terms of chances is named (R57).
DEFAULT: Mapping[ClientKind, frozenset[str]] = {
    "terminal": _LANE,
    "staff": _MEMBERS | _LOOK,
    "mobile": MEMBER_SCOPES | {"members:lookup", "members:write", "events:read"},
    "partner": frozenset({"members:lookup", "program:read"}),
    "admin": frozenset(SCOPES) - MEMBER_SCOPES - {"gifts:terms"},
}
MAX_RATE = 1_000_000

_ONE_STORE = "a client that reports purchases is bound to a store, unless it may import for all of them"


class BadClient(Invalid):
    """A client cannot be made or changed like this; each fault says which field and why."""

    code, title = "validation_failed", "A client cannot be like this"


class ScopeNotGranted(Invalid):
    """A token was asked for a scope that is not on the client's own list."""

    code, title, status = "invalid_scope", "This scope is not granted to this client", 400


def check_client(*, kind: ClientKind, scopes: frozenset[str], store_id: str | None, rate: int) -> None:
    """Refuse a client that could do more than its kind may.

    :raises BadClient: a scope beyond the kind's, no store where one is needed, or a rate out of range.
    """
    faults = [
        Fault("/scopes", "scope_not_allowed", f"{scope} cannot be granted to a client of kind {kind}.")
        for scope in sorted(scopes - ALLOWED[kind])
    ]
    if not scopes:
        faults.append(Fault("/scopes", "required", "A client needs at least one scope."))
    if store_id is None and (kind == "terminal" or _reports_one_store(kind, scopes)):
        faults.append(Fault("/store_id", "store_required", f"Name a store: {_ONE_STORE}."))
    if not 1 <= rate <= MAX_RATE:
        faults.append(Fault("/rate", "invalid_value", f"A rate is 1 to {MAX_RATE} requests a minute."))
    if faults:
        raise BadClient(faults[0].message, errors=faults)


def _reports_one_store(kind: ClientKind, scopes: frozenset[str]) -> bool:
    return kind == "partner" and "purchases:write" in scopes and "purchases:import" not in scopes


def grant(*, listed: Iterable[str], asked: str | None) -> frozenset[str]:
    """The scopes of a new token: those asked for, which must be listed; all of the list when none were.

    :raises ScopeNotGranted: something that is not on the list was asked for, or nothing is left to grant.
    """
    held = frozenset(listed)
    wanted = frozenset(asked.split()) if asked is not None else held
    if not wanted or not wanted <= held:
        raise ScopeNotGranted
    return wanted


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """When a signing key is used and until when its signatures hold; None means no end is set."""

    kid: str
    use_from: datetime
    verify_until: datetime | None = None


def holds(key: KeyTimes, *, now: datetime) -> bool:
    """Whether signatures of ``key`` are still accepted, and so whether it is published."""
    return key.verify_until is None or now < key.verify_until


def signer(keys: Iterable[KeyTimes], *, now: datetime) -> KeyTimes | None:
    """The key to sign with at ``now``: the newest one whose time has come, or None when there is none."""
    ready = [key for key in keys if key.use_from <= now and holds(key, now=now)]
    return max(ready, key=lambda key: (key.use_from, key.kid), default=None)


def last_signature(*, replaced_at: datetime, longest_token: timedelta) -> datetime:
    """Until when a key must stay verifiable after another took over: its last token lives that long.

    A minute is added for servers whose clocks differ.
    """
    return replaced_at + longest_token + timedelta(minutes=1)
