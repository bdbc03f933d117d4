"""What is sent about members."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from loyalty_api.fields import Choice, Flag, Moment, Schema, Text, Whole
from loyalty_api.members.identifying import REASONS
from loyalty_api.members.rules import IDENTIFIER_KINDS, STATUSES
from loyalty_api.members.schemas import ProfileSchema, language_field
from loyalty_api.paging import PageQuery


def _store() -> Text:
    return Text(
        longest=44, allow_none=True, metadata={"description": "id of the store the member calls home"}
    )


def _tags() -> Any:
    tag = Text(longest=40, pattern=r"[a-z0-9][a-z0-9_-]*")
    return fields.List(tag, validate=validate.Length(max=32))


class IdentifierInSchema(Schema):
    """Something that finds a member."""

    kind = Choice(*IDENTIFIER_KINDS, required=True)
    value = Text(required=True, longest=400, metadata={"description": "phone with + and country"})


class ScannedSchema(IdentifierInSchema):
    """What a till scanned or a person typed."""

    entry = Choice("scanned", "typed", "tapped", load_default="scanned")


class TermsInSchema(Schema):
    """Terms that the member accepted."""

    version = Text(required=True, longest=64)
    channel = Choice("till", "app", "web", "paper", "phone", required=True)
    accepted_at = Moment(allow_none=True, load_default=None, metadata={"description": "left out: now"})


class PersonInSchema(Schema):
    """One of several people who share the account."""

    name = Text(required=True, longest=60, metadata={"description": "name tag shown on entries"})
    identifiers = fields.List(
        fields.Nested(IdentifierInSchema()), load_default=list, validate=validate.Length(max=10)
    )


class EnrolSchema(Schema):
    """A person who joins. An empty object is a member without any personal data."""

    profile = fields.Nested(ProfileSchema(), load_default=dict)
    identifiers = fields.List(
        fields.Nested(IdentifierInSchema()), load_default=list, validate=validate.Length(max=10)
    )
    issue_card = Flag(load_default=False, metadata={"description": "make a new card number for the member"})
    people = fields.List(fields.Nested(PersonInSchema()), load_default=list, validate=validate.Length(max=10))
    language = language_field()
    home_store = _store()
    tags = _tags()
    terms = fields.Nested(TermsInSchema(), allow_none=True, load_default=None)


class LookUpSchema(Schema):
    """Who is in front of the till?"""

    identifier = fields.Nested(ScannedSchema(), required=True)


class ListQuery(PageQuery):
    """Which members to list."""

    status = Choice(*STATUSES, load_default=None)
    tag = Text(longest=40, load_default=None)
    enrolled_from = Moment(load_default=None)
    enrolled_to = Moment(load_default=None, metadata={"description": "before this moment"})


class SearchSchema(Schema):
    """Whom to find: by an identifier, by whole words of the name, or both."""

    cursor = Text(longest=500, load_default=None, allow_none=True)
    limit = Whole(least=1, most=200, load_default=50)
    status = Choice(*STATUSES, load_default=None, allow_none=True)
    tag = Text(longest=40, load_default=None, allow_none=True)
    enrolled_from = Moment(load_default=None, allow_none=True)
    enrolled_to = Moment(load_default=None, allow_none=True)

    identifier = fields.Nested(IdentifierInSchema(), load_default=None, allow_none=True)
    name = Text(load_default=None, allow_none=True, metadata={"description": "whole words, in any order"})

    @ma.validates_schema
    def asks_for_someone(self, data: dict[str, Any], **_: Any) -> None:
        """A search without anything to look for is a list."""
        if data.get("identifier") is None and data.get("name") is None:
            raise ma.ValidationError("Give an identifier or a name.")


class OwnEditSchema(Schema):
    """What members may change of their own; what is left out stays, null empties."""

    profile = fields.Nested(ProfileSchema())
    language = language_field()
    home_store = _store()


class EditSchema(OwnEditSchema):
    """What may be changed of a member; what is left out stays, null empties."""

    tags = _tags()
    is_staff = Flag()


class BlockSchema(Schema):
    """Why a member is blocked, and whether points are still earned meanwhile."""

    reason = Choice("fraud_suspected", "misuse", "member_request", "other", required=True)
    still_earns = Flag(load_default=False)


class UnblockSchema(Schema):
    """Why a block is lifted."""

    reason = Choice("cleared", "mistake", "member_request", "other", required=True)


class CloseSchema(Schema):
    """Why a membership ends."""

    reason = Choice("member_request", "deceased", "duplicate", "misuse", "other", required=True)


class GiveIdentifierSchema(Schema):
    """One more identifier: a value of the caller's, or a card number that we make."""

    kind = Choice(*IDENTIFIER_KINDS, load_default="card")
    value = Text(longest=400, load_default=None, allow_none=True)
    issue_card = Flag(load_default=False)
    person_id = Text(longest=40, load_default=None, allow_none=True)

    @ma.validates_schema
    def has_one_value(self, data: dict[str, Any], **_: Any) -> None:
        """Either a value or a new card number."""
        _one_value(data)
        if data["issue_card"] and data["kind"] != "card":
            raise ma.ValidationError("Only card numbers are made here.", "kind")


class ReplaceIdentifierSchema(Schema):
    """What comes in the place of an identifier, of the same kind and for the same person."""

    value = Text(longest=400, load_default=None, allow_none=True)
    issue_card = Flag(load_default=False)
    reason = Choice(*REASONS, required=True)

    @ma.validates_schema
    def has_one_value(self, data: dict[str, Any], **_: Any) -> None:
        """Either a value or a new card number."""
        _one_value(data)


class NameTagSchema(Schema):
    """The name tag that entries show."""

    name = Text(required=True, longest=60)


def _one_value(data: dict[str, Any]) -> None:
    if (data["value"] is None) != data["issue_card"]:
        raise ma.ValidationError("Send a value, or issue_card, and not both.", "value")
