"""What is written of a receipt that came too late and has been looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rows import dump


def rate_late(connection: Connection[TupleRow], row: Mapping[str, Any], points: Mapping[str, int]) -> None:
    """Keep what a review decided about a purchase, and the points of its lines."""
    connection.execute(
        "UPDATE purchases SET facts = %s, decision = %s, points_base = %s, points_bonus = %s, outcome = %s"
        " WHERE member_id = %s AND purchase_id = %s",
        (
            dump(row["facts"]), dump(row["decision"]), row["points_base"], row["points_bonus"],
            dump(row["outcome"]), row["member_id"], row["purchase_id"],
        ),
    )  # fmt: skip
    connection.execute(
        "UPDATE purchase_lines l SET points = earned.points FROM unnest(%s::text[], %s::bigint[])"
        " AS earned(line_id, points) WHERE l.member_id = %s AND l.purchase_id = %s AND l.line_id = earned.line_id",
        (list(points), list(points.values()), row["member_id"], row["purchase_id"]),
    )
