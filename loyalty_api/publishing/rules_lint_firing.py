"""Which rules can fire at all, and on what: the search that every other question begins with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from loyalty_api.publishing.rules_lint_products import where_of
from loyalty_api.publishing.rules_lint_sales import sales_of, scene
from loyalty_api.publishing.rules_lint_times import Impossible, moment_for, named, span
from loyalty_api.publishing.rules_lint_types import Finding, Ground, Rule, Sale, gave
from loyalty_api.publishing.rules_lint_wishes import Demand, alternatives
from loyalty_api.rating.rules import evaluate
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.facts import Facts, Member

_WAYS = 8
# All sales of all rules for each silent rule would be tried by the square of the rules.
_POOL = 1000


@dataclass(frozen=True, slots=True)
class Reach:
    """What was found of a rule: sales on which it gives points, in the order of what is paid, and all that were tried.

    ``ways`` are the ways its condition can hold for which sales could be made; ``impossible`` says of the others why.
    ``proven``: no way is left, and every one of them contradicts itself or the program.
    """

    rule: Rule
    fires: tuple[Sale, ...]
    tried: tuple[Sale, ...]
    ways: tuple[tuple[Demand, ...], ...]
    impossible: tuple[str, ...]
    proven: bool


def reach(ground: Ground, rule: Rule) -> Reach:
    """Try a rule on sales at and around all of its thresholds, in each way in which its condition can hold."""
    found = alternatives(rule.when)
    program = ground.alone(rule)
    tried: list[Sale] = []
    ways: list[tuple[Demand, ...]] = []
    impossible: list[Impossible] = []
    for way in found.ways:
        if len(ways) >= _WAYS:
            break
        try:
            tried += sales_of(ground, rule, way, [where_of(rule.said.get("where"))])
            ways.append(way)
        except Impossible as trouble:
            impossible.append(trouble)
    fires = [
        sale for sale in tried if gave(evaluate(sale.basket, sale.facts, program, sale.at), rule.rule_id)
    ]
    proven = found.complete and not ways and all(trouble.proven for trouble in impossible)
    return Reach(
        rule,
        tuple(sorted(fires, key=lambda sale: sale.paid)),
        tuple(tried),
        tuple(ways),
        tuple(dict.fromkeys([trouble.why for trouble in impossible])),
        proven or _refuses_always(rule),
    )


def _refuses_always(rule: Rule) -> bool:
    """Whether the smallest award of a rule is more than a limit that refuses lets through."""
    compiled = rule.compiled
    if compiled.multiplies:
        return False
    least = min([rate.points for _, rate in compiled.steps], default=compiled.rate.points)
    return any(cap.refuses and not cap.times and cap.most < least for cap in compiled.caps)


def never_fire(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Rules that gave nothing on any sale: an error where they cannot, a warning where none was found."""
    silent = [found for found in reached if not found.fires]
    pool = _pool(reached) if silent else []
    for found in silent:
        rule, program = found.rule, ground.alone(found.rule)
        if any(gave(evaluate(one.basket, one.facts, program, one.at), rule.rule_id) for one in pool):
            continue
        sale = found.tried[0] if found.tried else _nearest(ground, rule)
        why = found.impossible or (("limit",) if _refuses_always(rule) else ())
        yield ground.finding(
            "never_fires" if found.proven else "not_seen_to_fire",
            "error" if found.proven else "warning",
            [rule.rule_id],
            [sale],
            words={"why": why[0] if why else "search"},
            searched=len(pool),
        )


def _pool(reached: Sequence[Reach]) -> list[Sale]:
    """Sales that were tried for the rules, as many of each rule as there is room for."""
    each = max(_POOL // len(reached), 1)
    return [sale for found in reached for sale in found.tried[:: max(len(found.tried) // each, 1)][:each]]


def _nearest(ground: Ground, rule: Rule) -> Sale:
    """A plain sale, of the rule's own goods where they can earn."""
    for where in (where_of(rule.said.get("where")), {}):
        try:
            return scene(ground, [where], ()).sale(ground.program.settings.currency, 100 * ground.smallest)
        except Impossible:
            continue
    settings = ground.program.settings
    basket = Basket("lint-store", settings.currency, (Line("1", 100 * ground.smallest),))
    return Sale(basket, Facts(Member()), ground.now.astimezone(settings.zone))


def windows_ended(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Rules whose last day has passed, in every way in which they can apply: a note, not a fault."""
    today = local_day(ground.now, ground.program.settings.zone)
    for found in reached:
        if not found.fires or not all(named(way, "until") for way in found.ways):
            continue
        if all(span(way)[1] < today for way in found.ways):
            last = max(found.fires, key=lambda sale: sale.at)
            now = replace(last, at=moment_for((), now=ground.now, zone=ground.program.settings.zone))
            yield ground.finding("window_ended", "note", [found.rule.rule_id], [last, now])
