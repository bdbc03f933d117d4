"""What a correction made of a purchase, in its answer."""

from __future__ import annotations

from loyalty_api.fields import Moment, Schema, Whole


class CorrectedSchema(Schema):
    """Rules were corrected and the purchase was rated once more: the versions, and what it earns by each."""

    from_version = Whole(required=True)
    version = Whole(required=True)
    points_before = Whole(required=True)
    points_after = Whole(required=True)
    at = Moment(required=True)
