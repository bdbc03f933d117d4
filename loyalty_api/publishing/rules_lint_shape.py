"""How rules stand to each other and to their own limits: hidden ones, awards that no limit lets through, splitting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from loyalty_api.publishing.rules_lint_firing import Reach
from loyalty_api.publishing.rules_lint_types import Finding, Ground, Rule, Sale, gave
from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rulekit.basket import Payment

_PARTS = (2, 3, 4, 5)


def hidden(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Rules that another one of their group always outdoes: it applies wherever they do, and gives more."""
    for found in reached:
        rule = found.rule
        if rule.compiled.group is None or not found.fires:
            continue
        for other in reached:
            if other is not found and _applies_wherever(other.rule, rule) and _outdone(ground, found, other):
                numbers = {"points": _alone(ground, rule, found.fires[0])}
                yield ground.finding(
                    "hidden_in_group",
                    "warning",
                    [rule.rule_id, other.rule.rule_id],
                    [found.fires[0]],
                    numbers=numbers,
                )
                break


def _applies_wherever(other: Rule, rule: Rule) -> bool:
    """Whether one rule asks for no more than another one of its group does."""
    mine, theirs = rule.compiled, other.compiled
    asks_less = all(rule.when.get(name) == value for name, value in other.when.items() if value is not None)
    whole = not other.said.get("where") or other.said.get("where") == rule.said.get("where")
    unlimited = not theirs.caps and theirs.budget is None
    return mine.group == theirs.group and asks_less and whole and unlimited and theirs.minimum <= mine.minimum


def _outdone(ground: Ground, found: Reach, other: Reach) -> bool:
    """Whether on none of a rule's sales it stands, and on each the other one does."""
    for sale in found.fires:
        reasons = [(one.rule, one.code, one.by) for one in ground.decide(sale).reasons]
        if (found.rule.rule_id, "better_in_group", other.rule.rule_id) not in reasons:
            return False
    return True


def _alone(ground: Ground, rule: Rule, sale: Sale) -> int:
    return gave(evaluate(sale.basket, sale.facts, ground.alone(rule), sale.at), rule.rule_id)


def never_in_full(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Fixed points that a limit of a purchase always cuts: nobody ever gets what is promised."""
    for found in reached:
        compiled = found.rule.compiled
        rates = [rate for _, rate in compiled.steps] or [compiled.rate]
        caps = [cap.most for cap in compiled.caps if not cap.times]
        if (
            compiled.multiplies
            or rates[0].unit not in ("basket", "line", "step")
            or not caps
            or not found.fires
        ):
            continue
        cap, least = min(caps), min([rate.points for rate in rates])
        if least > cap:
            numbers = {"points": least, "cap": cap}
            yield ground.finding(
                "never_in_full", "warning", [found.rule.rule_id], [found.fires[0]], numbers=numbers
            )


def split_farmed(ground: Ground, reached: Sequence[Reach]) -> Iterator[Finding]:
    """Baskets that earn more in parts than as one, by rounding or by steps that grow too slowly."""
    for found in reached:
        compiled = found.rule.compiled
        if compiled.multiplies or compiled.rate.unit not in ("amount", "step") or not found.fires:
            continue
        if compiled.rate.unit == "amount" and compiled.rate.round == "down":
            continue  # Whole steps of the parts are never more than those of the whole.
        best: tuple[int, list[Sale]] | None = None
        for amount in _sums(ground, found.rule):
            for parts in _PARTS:
                sales = _split(ground, found.rule, found.fires[-1], amount, parts)
                gain = _gain(ground, sales, found.rule) if sales else 0
                if gain > 0 and (best is None or gain > best[0]):
                    best = gain, sales
        if best is not None:
            gain, sales = best
            points = [ground.decide(sale).points() for sale in sales]
            numbers = {"points": points[0], "more_points": sum(points[1:]), "parts": len(sales) - 1}
            if sum(points[1:]) > points[0]:
                yield ground.finding("split_farmed", "warning", [found.rule.rule_id], sales, numbers=numbers)


def _sums(ground: Ground, rule: Rule) -> list[int]:
    compiled = rule.compiled
    steps = [least for least, _ in compiled.steps]
    sums = {least * n for least in steps for n in (1, 2)} or {compiled.rate.per * n for n in (1, 2)}
    return sorted({*sums, *[2 * compiled.minimum or 2 * ground.smallest]})


def _split(ground: Ground, rule: Rule, like: Sale, amount: int, parts: int) -> list[Sale]:
    """A sale of one product, and the same in parts one after the other; nothing where a part is too small to be."""
    first = amount // parts
    if first < ground.smallest or len(like.basket.lines) > 1:
        return []
    program = ground.alone(rule)
    sales, facts = [_of(like, amount)], like.facts
    for part in [amount - first * (parts - 1)] + [first] * (parts - 1):
        sale = replace(_of(like, part), facts=facts)
        sales.append(sale)
        facts = advance(facts, sale.basket, evaluate(sale.basket, facts, program, sale.at))
    return sales


def _of(like: Sale, amount: int) -> Sale:
    """The same sale of another amount."""
    basket = like.basket
    small = [replace(payment, amount=1) for payment in basket.payments[:-1]]
    last = Payment(basket.payments[-1].kind, amount - len(small))
    return replace(
        like,
        basket=replace(basket, lines=(replace(basket.lines[0], amount=amount),), payments=(*small, last)),
    )


def _gain(ground: Ground, sales: Sequence[Sale], rule: Rule) -> int:
    whole, *parts = [_alone(ground, rule, sale) for sale in sales]
    return sum(parts) - whole
