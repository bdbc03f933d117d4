"""What comes back about members, and what both ways share."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from loyalty_api.fields import Choice, Day, Flag, Moment, Schema, Text, Whole
from loyalty_api.members.rules import IDENTIFIER_KINDS, STATUSES

LANGUAGE = r"[a-z]{2,3}(-[A-Z]{2})?"


def _id(**more: Any) -> Text:
    return Text(longest=40, **more)


def language_field() -> Text:
    """A language as the member chose it."""
    return Text(
        longest=6,
        pattern=LANGUAGE,
        allow_none=True,
        metadata={"description": "BCP 47, for example nb or en-GB"},
    )


class AddressSchema(Schema):
    """A postal address."""

    street = Text(allow_none=True)
    postal_code = Text(longest=20, allow_none=True)
    city = Text(longest=100, allow_none=True)
    country = Text(longest=2, pattern="[A-Z]{2}", allow_none=True, metadata={"description": "ISO 3166-1"})


class ProfileSchema(Schema):
    """What is known about the person; all of it is optional, and null empties a field."""

    given_name = Text(longest=100, allow_none=True)
    family_name = Text(longest=100, allow_none=True)
    birth_date = Day(allow_none=True)
    email = Text(longest=254, allow_none=True, metadata={"description": "where to write; not an identifier"})
    phone = Text(longest=40, allow_none=True, metadata={"description": "where to call; not an identifier"})
    address = fields.Nested(AddressSchema(), allow_none=True)


class IdentifierSchema(Schema):
    """An identifier of a member's; its value is masked."""

    identifier_id = _id(required=True)
    kind = Choice(*IDENTIFIER_KINDS, required=True)
    value = Text(required=True, longest=400, metadata={"description": "masked"})
    person_id = _id(required=True, allow_none=True)
    status = Choice("active", "contested", "replaced", "removed", required=True)
    created_at = Moment(required=True)
    ended_at = Moment(required=True, allow_none=True)
    replaced_by = _id(required=True, allow_none=True)


class IssuedIdentifierSchema(IdentifierSchema):
    """A new identifier; ``issued`` is the number in full when we made it, to print it."""

    issued = Text(required=True, allow_none=True)


class PersonSchema(Schema):
    """A person who shares an account; once ended, the name tag stays on old entries."""

    person_id = _id(required=True)
    name = Text(required=True, longest=60)
    created_at = Moment(required=True)
    ended_at = Moment(required=True, allow_none=True)


class MemberSchema(Schema):
    """A member. A terminal gets a masked name, and neither profile nor tags."""

    member_id = _id(required=True)
    status = Choice(*STATUSES, required=True)
    name = Text(required=True, allow_none=True, longest=201)
    profile = fields.Nested(ProfileSchema(), required=True, allow_none=True)
    language = Text(required=True, allow_none=True, longest=6)
    home_store = Text(required=True, allow_none=True, longest=44)
    is_staff = Flag(required=True, metadata={"description": "works for the merchant: no gifts, no draws"})
    tags = fields.List(Text(longest=40), required=True, allow_none=True)
    enrolled_at = Moment(required=True)


class AccountSchema(MemberSchema):
    """A member with what identifies it and who shares it."""

    identifiers = fields.List(fields.Nested(IdentifierSchema()), required=True)
    people = fields.List(fields.Nested(PersonSchema()), required=True)


class EnrolledSchema(AccountSchema):
    """A new member; ``card`` is the number in full when we made one, to print or show it."""

    card = Text(required=True, allow_none=True, longest=64)


class FiguresSchema(Schema):
    """Points that a till shows."""

    available = Whole(required=True)
    pending = Whole(required=True)
    held = Whole(required=True)
    debt = Whole(required=True)
    version = Whole(required=True)


class MessageSchema(Schema):
    """Something to say or show; it never blocks anything."""

    audience = Choice("cashier", "member", required=True)
    code = Text(required=True, longest=64)
    text = Text(required=True)


class SharerSchema(Schema):
    """Which person of a shared account the identifier belongs to."""

    person_id = _id(required=True)
    name = Text(required=True, longest=60)


class FoundSchema(Schema):
    """The member that a till asked for."""

    member_id = _id(required=True)
    status = Choice(*STATUSES, required=True)
    name = Text(required=True, allow_none=True, longest=201)
    language = Text(required=True, allow_none=True, longest=6)
    person = fields.Nested(SharerSchema(), required=True, allow_none=True)
    tier = Text(required=True, allow_none=True, longest=64)
    balance = fields.Nested(FiguresSchema(), required=True, allow_none=True)
    messages = fields.List(fields.Nested(MessageSchema()), required=True)


class IdentifierListSchema(Schema):
    """Every identifier a member has or had, oldest first."""

    data = fields.List(fields.Nested(IdentifierSchema()), required=True)


class PeopleSchema(Schema):
    """Everyone who shares or shared an account, oldest first."""

    data = fields.List(fields.Nested(PersonSchema()), required=True)


class PreferencesSchema(Schema):
    """How the member wants to be spoken to."""

    language = language_field()


class CardSchema(Schema):
    """A card to show at the till, also without a signal."""

    format = Choice("code128", required=True, metadata={"description": "the bar code to draw"})
    value = Text(required=True, longest=64)
    valid_until = Moment(required=True, allow_none=True)


class SignedOutSchema(Schema):
    """Every token from before this moment has ended."""

    signed_out_at = Moment(required=True)
