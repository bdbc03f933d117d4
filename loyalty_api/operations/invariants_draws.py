"""What must always be true of draws: a day is what was committed, and every draw follows from it."""

from __future__ import annotations

from loyalty_api.operations.invariant import Invariant


def _pads(source: str, key: str, name: str) -> str:
    """The two pads of HMAC for each ``key`` of at most 64 bytes, so that PostgreSQL can repeat a keyed hash."""
    octet = f"CASE WHEN n < length({key}) THEN get_byte({key}, n) ELSE 0 END"
    sides = ", ".join(
        f"(SELECT string_agg(set_byte('\\x00'::bytea, 0, ({octet}) # {pad}), ''::bytea ORDER BY n)"
        f" FROM generate_series(0, 63) n) AS {side}"
        for side, pad in (("inner_pad", 54), ("outer_pad", 92))
    )
    return f"{name} AS MATERIALIZED (SELECT s.*, {sides} FROM ({source}) s)"


def _hmac(alias: str, message: str) -> str:
    return f"sha256({alias}.outer_pad || sha256({alias}.inner_pad || convert_to({message}, 'UTF8')))"


_REVEALED = (
    "SELECT day, record::jsonb -> 'odds' AS odds, decode(record::jsonb ->> 'seed', 'hex') AS seed FROM draw_days"
    " WHERE record IS NOT NULL"
)
_WHO_DREW = "SELECT member_id, draw_token FROM members WHERE member_id IN (SELECT member_id FROM draws)"
_NAMED = "encode(d.mark, 'hex')"
_KEYED = f"encode({_hmac('o', _NAMED)}, 'hex')"
_TICKET = f"('x000' || substr({_KEYED}, 1, 13))::bit(64)::bigint"
_MARK = _hmac("m", "d.day || ' ' || d.gift_id")
_TOTALS = (
    "SELECT day, count(d.won) AS draws, count(*) FILTER (WHERE won) AS wins FROM draw_days LEFT JOIN draws d"
    " USING (day) GROUP BY day"
)

DRAWS = (
    Invariant(
        "I10",
        "each day of draws names the commitment before it, and was committed before it began",
        "SELECT count(*) FROM draw_days",
        "SELECT day::text, concat('it names ', previous, ' and comes after ', before) FROM (SELECT day, previous,"
        " committed_at, begins_at, lag(commitment, 1, repeat('0', 64)) OVER (ORDER BY day) AS before FROM draw_days) d"
        " WHERE previous <> before OR committed_at >= begins_at",
    ),
    Invariant(
        "I10",
        "a revealed record is the one that was committed",
        "SELECT count(*) FROM draw_days WHERE record IS NOT NULL",
        "SELECT day::text, 'its record has another hash' FROM draw_days WHERE record IS NOT NULL AND"
        " (encode(sha256(convert_to(record, 'UTF8')), 'hex') <> commitment OR record::jsonb ->> 'day' <> day::text"
        " OR record::jsonb ->> 'previous' <> previous OR (record::jsonb ->> 'reveals_at')::timestamptz <> reveals_at)",
    ),
    Invariant(
        "I10",
        "the digest of a revealed day is that of its draws, and names the one before",
        "SELECT count(*) FROM draw_days WHERE digest IS NOT NULL",
        "SELECT o.day::text, concat('kept ', o.digest, ', found ', f.digest) FROM (SELECT *, lag(digest, 1,"
        " repeat('0', 64)) OVER (ORDER BY day) AS before FROM draw_days WHERE digest IS NOT NULL) o JOIN LATERAL"
        " (SELECT encode(sha256(convert_to(o.previous_digest || coalesce(string_agg(concat(E'\\n', gift_id, ' ',"
        " encode(mark, 'hex'), ' ', row_no, ' ', ticket, ' ', won::int), '' ORDER BY gift_id, mark), ''), 'UTF8')),"
        " 'hex') AS digest FROM draws d WHERE d.day = o.day) f ON true"
        " WHERE o.digest <> f.digest OR o.previous_digest <> o.before",
    ),
    Invariant(
        "I10",
        "a day that is revealed counts its draws and its wins",
        "SELECT count(*) FROM draw_days WHERE revealed_at IS NOT NULL",
        "SELECT day::text, concat(o.wins, ' of ', o.draws, ' said, ', f.wins, ' of ', f.draws, ' there')"
        f" FROM draw_days o JOIN ({_TOTALS}) f USING (day) WHERE revealed_at IS NOT NULL"
        " AND (o.draws, o.wins) <> (f.draws, f.wins)",
    ),
    Invariant(
        "I10",
        "a draw follows from its day's seed and odds",
        "SELECT count(*) FROM draws JOIN draw_days USING (day) WHERE record IS NOT NULL",
        f"WITH {_pads(_REVEALED, 'seed', 'opened')} SELECT {_NAMED}, concat('ticket ', d.ticket, ' for ', {_TICKET},"
        " ', row ', d.row_no, ', won ', d.won) FROM draws d JOIN opened o USING (day)"
        f" WHERE d.ticket <> {_TICKET}"
        " OR d.won IS DISTINCT FROM (d.ticket < (o.odds -> d.gift_id ->> d.row_no::int)::bigint)",
    ),
    Invariant(
        "I10",
        "a draw is its member's, who joined before the day was committed, and was made before it was revealed",
        "SELECT count(*) FROM draws",
        f"WITH {_pads(_WHO_DREW, 'draw_token', 'm')} SELECT {_NAMED}, 'it is another''s, or came too late'"
        " FROM draws d LEFT JOIN m USING (member_id) LEFT JOIN members e USING (member_id)"
        f" LEFT JOIN draw_days o USING (day) WHERE d.mark IS DISTINCT FROM {_MARK}"
        " OR o.day IS NULL OR d.recorded_at >= o.reveals_at OR e.enrolled_at >= o.committed_at",
    ),
    Invariant(
        "I6",
        "a draw was made with a purchase that says so, and each that a purchase says was made",
        "SELECT count(*) FROM draws",
        "SELECT coalesce(encode(d.mark, 'hex'), p.purchase_id::text), 'drawn and decided differ' FROM draws d FULL JOIN"
        " (SELECT member_id, purchase_id, claim ->> 1 AS gift_id, (claim ->> 2)::int AS row_no FROM purchases,"
        " jsonb_array_elements(decision -> 'claims') AS claim WHERE claim ->> 0 = 'draw') p"
        " USING (member_id, purchase_id, gift_id) WHERE d.mark IS NULL OR p.row_no IS DISTINCT FROM d.row_no",
    ),
)
