"""Examples of the bodies of members; the tests hold each one against its schema."""

from __future__ import annotations

from typing import Any

MEMBER_ID = "mbr_01k9tz3v5qf4r8m2c7d6x1w0ab"
IDENTIFIER_ID = "idn_01k9tz3v5rg7s1n4b9e8y2z3cd"
PERSON_ID = "per_01k9tz3v5sh8t2p5c0f9z3a4de"
_AT = "2026-11-21T15:04:05Z"

PROFILE: dict[str, Any] = {
    "given_name": "Kari",
    "family_name": "Nordmann",
    "birth_date": "1984-05-17",
    "email": "kari@example.no",
    "phone": "+4722123456",
}
MEMBER: dict[str, Any] = {
    "member_id": MEMBER_ID,
    "status": "active",
    "name": "Kari Nordmann",
    "profile": PROFILE,
    "language": "nb",
    "home_store": "str_0412",
    "is_staff": False,
    "tags": ["garden-club"],
    "enrolled_at": _AT,
}
IDENTIFIER: dict[str, Any] = {
    "identifier_id": IDENTIFIER_ID,
    "kind": "card",
    "value": "…4567",
    "person_id": None,
    "status": "active",
    "created_at": _AT,
    "ended_at": None,
    "replaced_by": None,
}
PERSON: dict[str, Any] = {"person_id": PERSON_ID, "name": "Ola", "created_at": _AT, "ended_at": None}
ENROL: dict[str, Any] = {
    "profile": {"given_name": "Kari", "family_name": "Nordmann", "email": "kari@example.no"},
    "identifiers": [{"kind": "phone", "value": "+47 22 12 34 56"}],
    "issue_card": True,
    "people": [{"name": "Ola", "identifiers": []}],
    "language": "nb",
    "home_store": "str_0412",
    "tags": ["garden-club"],
    "terms": {"version": "2026-01", "channel": "till", "accepted_at": "2026-11-21T16:04:00+01:00"},
}
ACCOUNT: dict[str, Any] = {**MEMBER, "identifiers": [IDENTIFIER], "people": [PERSON]}
ENROLLED: dict[str, Any] = {**ACCOUNT, "card": "9048213377015544567"}
LOOK_UP: dict[str, Any] = {
    "identifier": {"kind": "card", "value": "2609001234567", "entry": "scanned"},
}
FOUND: dict[str, Any] = {
    "member_id": MEMBER_ID,
    "status": "active",
    "name": "K. N***",
    "language": "nb",
    "person": {"person_id": PERSON_ID, "name": "O***"},
    "tier": "gold",
    "balance": {"available": 1243, "pending": 67, "held": 0, "debt": 0, "version": 318},
    "messages": [],
}
SEARCH: dict[str, Any] = {"name": "nordmann kari", "limit": 20}
EDIT: dict[str, Any] = {"profile": {"family_name": "Hansen", "phone": None}, "language": "en"}
GIVE_IDENTIFIER: dict[str, Any] = {"kind": "email", "value": "kari@example.no"}
GIVEN_IDENTIFIER: dict[str, Any] = {
    **IDENTIFIER,
    "kind": "email",
    "value": "k***@example.no",
    "issued": None,
}
REPLACE_IDENTIFIER: dict[str, Any] = {"issue_card": True, "reason": "lost"}
REPLACED_IDENTIFIER: dict[str, Any] = {**IDENTIFIER, "issued": "9048213377015544567"}
CARD: dict[str, Any] = {"format": "code128", "value": "9048213377015544567", "valid_until": None}
