"""The difference that a correction makes to one member: journals, what is counted, levels, and the purchases' rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.corrections import queries
from loyalty_api.corrections.correction import Correction, Done
from loyalty_api.corrections.rerating import Held, Rerated
from loyalty_api.corrections.rules import Difference, arriving, claims_standing, difference, more_claims
from loyalty_api.ledger.rules import Movement
from loyalty_api.ledger.rules_returns import own_lots, take_back
from loyalty_api.ledger.service import Book, Cause
from loyalty_api.program.rules import Settings
from loyalty_api.purchases.booking import line_points
from loyalty_api.purchases.honouring import given_stays
from loyalty_api.purchases.limiting import claims_in, stored
from loyalty_api.rating.rules_counted import counted, sold
from loyalty_api.rating.rules_returns import claims_back, gift_claims
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Claim, Decision
from loyalty_api.rulekit.stored import decision_to_json, facts_to_json
from loyalty_api.tiers.rules import NOTHING
from loyalty_api.tiers.service import By, Counted, TierBook

# Each purchase has a range of ids of its own: its journal, then its lots.
_EACH = 1 << 8
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Booked:
    """What of a difference reached the ledger (below zero: taken), what had expired by itself, and what the program
    lets the member keep."""

    points: int = 0
    lapsed: int = 0
    kept: int = 0
    journal_id: UUID | None = None


@dataclass(slots=True)
class Booking:
    """What is booked for one member, purchase by purchase; ``policy`` are the settings in force now."""

    connection: Connection[TupleRow]
    correction: Correction
    book: Book
    tier: TierBook
    policy: Settings
    first_id: UUID
    now: datetime
    rows: list[Row] = field(default_factory=list)
    done: Done = field(default_factory=lambda: Done(members=1))
    _more: dict[tuple[str, str], int] = field(default_factory=dict)

    def see(self, one: Rerated) -> None:
        """Nothing is different: only that the correction has seen the purchase is kept."""
        if one.held.decision is not None:
            self._note(one, Booked(), Difference({}, 0, 0), corrected=False)

    def correct(self, one: Rerated) -> None:
        """Book the difference, count it, and keep the corrected decision with the purchase."""
        held, before = one.held, one.held.decision
        if before is None:
            return
        one = replace(one, decision=given_stays(one.decision, held.row))
        owed = difference(before, one.decision, held.back)
        booked = self._book(one, owed)
        row = held.row
        self._note(one, booked, owed, corrected=True)
        self._count_claims(held, before, one.decision)
        self._count_progress(held, before, one.decision)
        self._keep(one, before, owed, booked)
        points = line_points(one.decision)
        queries.keep(
            self.connection, row, {line.line_id: points.get(line.line_id, 0) for line in held.basket.lines}
        )
        self.book.touched = True
        self.book.events.append(
            (self.book.member_id, "purchase_corrected", ids.show("pur", held.purchase_id), row["occurred_at"],
             self.now, {"points": one.decision.points(), "booked": booked.points}, False)
        )  # fmt: skip

    def less_claims(self) -> list[Claim]:
        """What is to be counted back in all; below zero where more is counted."""
        return [Claim(kind, key, -amount) for (kind, key), amount in self._more.items() if amount]

    def _book(self, one: Rerated, owed: Difference) -> Booked:
        held, number = one.held, len(self.rows)
        journal_id = ids.nth(self.first_id, (number + 1) * _EACH)
        row = held.row
        cause = Cause(
            "correction", held.purchase_id, row["store_id"], row["reference"], row["person_id"], "system",
            ids.show("cor", self.correction.correction_id),
        )  # fmt: skip
        happened = min(row["occurred_at"], row["recorded_at"])
        if owed.points > 0:
            lots, postings = arriving(
                one.decision, owed, purchase_id=held.purchase_id, earned_at=row["occurred_at"],
                lot_id=lambda n: ids.nth(journal_id, 1 + n), now=self.now, grace_ends=self.policy.grace_ends(self.now),
            )  # fmt: skip
            movement = Movement("correct", happened, tuple(postings))
            self.book.record(movement, journal_id=journal_id, cause=cause, now=self.now, arriving=lots)
            return Booked(owed.points, journal_id=journal_id)
        if owed.points < 0:
            return self._take(held, -owed.points, Movement("correct", happened, ()), journal_id, cause)
        return Booked()

    def _take(self, held: Held, points: int, movement: Movement, journal_id: UUID, cause: Cause) -> Booked:
        """Take back what was too much: from the purchase's own lots, then as far as returns reach."""
        own = [lot.lot_id for lot in own_lots(self.book.account.lots.values(), {held.purchase_id})]
        outcome = held.row["outcome"]
        counted_before = outcome.get("returned", {}).get("lapsed", 0) + outcome.get("corrected", {}).get(
            "lapsed", 0
        )
        expired = self.book.expired_of(self.connection, own) - counted_before
        taken = take_back(
            self.book.account, points, own=own, lapsed=max(0, min(expired, points)),
            reach=self.policy.sections["returns"]["take_back"],
        )  # fmt: skip
        if not taken.postings:
            return Booked(0, taken.lapsed, taken.kept)
        movement = Movement(movement.kind, movement.occurred_at, taken.postings)
        self.book.record(movement, journal_id=journal_id, cause=cause, now=self.now, collect=False)
        return Booked(taken.lapsed - taken.points, taken.lapsed, taken.kept, journal_id)

    def _note(self, one: Rerated, booked: Booked, owed: Difference, *, corrected: bool) -> None:
        held, before = one.held, one.held.decision
        if before is None:
            return
        self.rows.append(
            {
                "member_id": self.book.member_id,
                "correction_id": self.correction.correction_id,
                "purchase_id": held.purchase_id,
                "version_before": before.version,
                "version_after": one.decision.version if corrected else before.version,
                "points_before": before.points(),
                "points_after": one.decision.points() if corrected else before.points(),
                "owed": owed.points,
                "booked": booked.points,
                "lapsed": booked.lapsed,
                "kept": booked.kept,
                "journal_id": booked.journal_id,
                "before": {"facts": held.row["facts"], "decision": held.row["decision"]}
                if corrected
                else None,
                "recorded_at": self.now,
            }
        )
        self.done += Done(
            0, 1, int(corrected), max(0, booked.points), max(0, -booked.points), booked.lapsed, booked.kept
        )

    def _count_claims(self, held: Held, before: Decision, after: Decision) -> None:
        """Counters and limits follow; what came back is counted back by the corrected decision."""
        returned = held.row["outcome"].get("returned")
        was = claims_in(returned.get("counted", ())) if returned else []
        now: list[Claim] = []
        if returned:
            whole = returned["status"] in ("returned", "voided")
            now = list(claims_back(after, {}, held.back, whole=whole))
            # Gifts are no matter of a correction: what came back with them stays as it is.
            mine, known = set(gift_claims(after)), set(now)
            now += [claim for claim in was if claim in mine and claim not in known]
            returned["counted"] = stored(now)
        for claim in more_claims(claims_standing(before, was), claims_standing(after, now)):
            place = (claim.kind, claim.key)
            self._more[place] = self._more.get(place, 0) + claim.amount

    def _count_progress(self, held: Held, before: Decision, after: Decision) -> None:
        """What counts towards a level changes on the purchase's own day; a level that is reached holds from now.

        Whether somebody came does not hang on rules: visits stay as they were counted.
        """
        outcome, lines = held.row["outcome"], sold(held.basket)
        more = replace(counted(after, lines, held.back) - counted(before, lines, held.back), visits=0)
        if more == NOTHING:
            return
        told = Counted.read(outcome["counted"]) if "counted" in outcome else None
        day = told.day if told else local_day(held.at, self.policy.zone)
        outcome["counted"] = Counted(day, (told.amounts if told else NOTHING) + more).stored()
        if min(more.points, more.spend) < 0:
            self.tier.take_progress(Counted(day, NOTHING - more))
            more = NOTHING
        self.tier.add_progress(Counted(day, more), by=By(cause_id=held.purchase_id))

    def _keep(self, one: Rerated, before: Decision, owed: Difference, booked: Booked) -> None:
        row, after = one.held.row, one.decision
        outcome = row["outcome"]
        earlier = outcome.get("corrected", {})
        entry = {
            "correction": ids.show("cor", self.correction.correction_id),
            "journal": booked.journal_id and ids.show("jrn", booked.journal_id),
            "from_version": before.version, "version": after.version, "points_before": before.points(),
            "points_after": after.points(), "booked": booked.points, "at": self.now,
            "reason": self.correction.reason,
        }  # fmt: skip
        outcome["corrected"] = {
            "original": earlier.get("original") or row["decision"],
            "lapsed": earlier.get("lapsed", 0) + booked.lapsed,
            "list": [*earlier.get("list", ()), entry],
        }
        if "returned" in outcome:
            _settle(outcome["returned"], owed, after)
        row |= {
            "facts": facts_to_json(one.facts),
            "decision": decision_to_json(after),
            "program_version": after.version,
            "points_base": after.points(award="base"),
            "points_bonus": after.points(award="bonus"),
        }


def _settle(returned: Row, owed: Difference, after: Decision) -> None:
    """Returns that were made have taken by the corrected decision now, and cannot be undone by themselves any more."""
    points = returned["points"] + owed.returned_after - owed.returned_before
    returned["points"] = min(max(points, 0), after.points())
    returned["list"] = [{**entry, "settled": True} for entry in returned["list"]]
