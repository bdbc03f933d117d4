"""What tills, apps and the office are shown of tiers."""

from __future__ import annotations

import marshmallow as ma

from loyalty_api.fields import Flag, Moment, Schema, Text, Whole


class TierAfterSchema(Schema):
    """The level right after a purchase or a return, until when it is held, and whether it is another one now."""

    code = Text(required=True, allow_none=True)
    until = Moment(required=True, allow_none=True)
    changed = Flag(required=True)


class LevelSchema(Schema):
    """A level, in the caller's language."""

    code = Text(required=True)
    name = Text(required=True)
    threshold = Whole(required=True)
    text = Text(required=True, allow_none=True)


class NeededSchema(Schema):
    """What is missing to a level: how much, counted since when, and by when."""

    code = Text(required=True)
    missing = Whole(required=True)
    since = Moment(required=True, allow_none=True)
    by = Moment(required=True, allow_none=True)


class TierProgressSchema(Schema):
    """What counts in the present period: points, minor units or visits."""

    metric = Text(required=True)
    value = Whole(required=True)
    since = Moment(required=True, allow_none=True)
    until = Moment(required=True, allow_none=True)


class SummaryTierSchema(Schema):
    """The level on a member's first screen, and the way up."""

    code = Text(required=True, allow_none=True)
    since = Moment(required=True, allow_none=True)
    until = Moment(required=True, allow_none=True)
    progress = ma.fields.Nested(TierProgressSchema(), required=True)
    keep = ma.fields.Nested(NeededSchema(), required=True, allow_none=True)
    next = ma.fields.Nested(NeededSchema(), required=True, allow_none=True)


class AssignmentSchema(Schema):
    """A level that somebody gave the member: at least this one, until then."""

    code = Text(required=True)
    until = Moment(required=True)
    reason = Text(required=True, allow_none=True)


class TierChangeSchema(Schema):
    """A level that was taken up or given up, when, and why; ``explanation`` leads to the sums it rested on."""

    change_no = Whole(required=True)
    code = Text(required=True, allow_none=True)
    previous = Text(required=True, allow_none=True)
    reason = Text(required=True)
    occurred_at = Moment(required=True)
    recorded_at = Moment(required=True)
    assigned_until = Moment(required=True, allow_none=True)
    assigned_reason = Text(required=True, allow_none=True)
    source = Text(required=True, allow_none=True)
    actor = ma.fields.Nested(
        Schema.from_dict(
            {"kind": Text(required=True), "client": Text(required=True, allow_none=True)},
            name="TierActorSchema",
        )(),
        required=True,
    )
    explanation = Text(required=True)


class TierSchema(Schema):
    """How a member stands, what keeps the level, what reaches the next one, and how it came to that."""

    member_id = Text(required=True)
    level = ma.fields.Nested(LevelSchema(), required=True, allow_none=True)
    since = Moment(required=True, allow_none=True)
    until = Moment(required=True, allow_none=True)
    assigned = ma.fields.Nested(AssignmentSchema(), required=True, allow_none=True)
    progress = ma.fields.Nested(TierProgressSchema(), required=True, allow_none=True)
    keep = ma.fields.Nested(NeededSchema(), required=True, allow_none=True)
    next = ma.fields.Nested(NeededSchema(), required=True, allow_none=True)
    levels = ma.fields.List(ma.fields.Nested(LevelSchema()), required=True)
    history = ma.fields.List(ma.fields.Nested(TierChangeSchema()), required=True)
    next_cursor = Text(required=True, allow_none=True, longest=500)
    as_of = Moment(required=True)
