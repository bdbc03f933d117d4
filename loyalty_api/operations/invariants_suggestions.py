"""What must always be true of suggestions: a refresh that is read is there as a whole, and its counts can be."""

from __future__ import annotations

from loyalty_api.operations.invariant import Invariant

_KEPT = (
    "SELECT refresh, count(*) AS products, sum(cardinality(others)) AS pairs,"
    " count(*) FILTER (WHERE cardinality(others) <> cardinality(together)"
    " OR NOT baskets >= ALL(together)) AS odd"
    " FROM suggestion_products GROUP BY 1"
)
SUGGESTIONS = (
    Invariant(
        "I6",
        "a refresh of suggestions has the products and pairs that it says, and none more often than either product",
        "SELECT count(*) FROM suggestion_refreshes WHERE finished_at IS NOT NULL",
        "SELECT r.refresh::text, concat(r.products, ' said, ', coalesce(k.products, 0), ' there')"
        f" FROM suggestion_refreshes r LEFT JOIN ({_KEPT}) k USING (refresh) WHERE r.finished_at IS NOT NULL"
        " AND (r.products <> coalesce(k.products, 0) OR r.pairs <> coalesce(k.pairs, 0) OR k.odd > 0)",
    ),
)
