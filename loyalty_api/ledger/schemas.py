"""What a balance shows beside points."""

from __future__ import annotations

from loyalty_api.fields import Moment, Schema, Text


class BalanceTierSchema(Schema):
    """The level that is held, and until when if nothing more is bought; without a ``code`` none is."""

    code = Text(required=True, allow_none=True)
    until = Moment(required=True, allow_none=True)
