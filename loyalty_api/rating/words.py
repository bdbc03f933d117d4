"""A stored decision in words: why so many points, and why not more.

Everything that is said comes from the stored basket and decision, so the answer a year later is the answer of
today; only the names of rules are looked up, in the version that decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, TypedDict

from loyalty_api.language import DEFAULT_LANGUAGE, Catalogue, catalogue, rate_text
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Decision, Discount, Effect, NearMiss, Reason

Names = Mapping[str, Mapping[str, str]]
"""Names of rules by rule and language (``*``: any language), as ``Program.names`` gives them."""


# Reasons whose sentence names points.
_CAPPED = ("capped_day", "capped_week", "capped_month", "capped_year", "capped_program", "budget_exhausted")
_POINTS_OF = {"better_in_group": ("points", "best"), **dict.fromkeys(_CAPPED, ("cap",))}
# Reasons whose sentence names numbers as they are, with the one that its words follow.
_PLAIN = {
    "too_little_pieces": "least",
    "too_much_pieces": "found",
    "too_little_lines": "least",
    "too_much_lines": "found",
    "capped_times": "cap",
    "other_purchase": "number",
    "other_absence": "days",
    "other_streak": "weeks",
    "same_visit": "minutes",
    "too_few_units": "least",
    "resting": "days",
    "too_young": "least",
    "age_unknown": "least",
}
# Reasons whose sentence names money.
_MONEY = ("too_little_amount", "too_much_amount", "better_discount", "capped_discount", "floor_reached")
# Where promotions end: each has a sentence for money, and others for times and for what was cut.
_ENDS = ("budget_used_up", "limit_reached", "ceiling_reached")

SHORTEST = timedelta(microseconds=1)
"""Points end as a day begins: the day before is the last on which they can be used."""


class Step(TypedDict):
    """One line of an explanation."""

    label: str
    value: str


class Explanation(TypedDict):
    """The answer in a sentence, and the steps that lead to it."""

    text: str
    steps: list[Step]


def explain(basket: Basket, decision: Decision, *, language: str, names: Names, zone: tzinfo) -> Explanation:
    """The decision in the reader's language; days are those of ``zone``, the program's."""
    words = catalogue(language)
    total = decision.points()
    steps = [
        Step(
            label=rule_name(discount.rule, names=names, language=language),
            value=discount_text(discount, currency=basket.currency, language=language),
        )
        for discount in decision.discounts
        if discount.granted
    ]
    steps += _basis_steps(basket, decision, words) if decision.effects else []
    for effect in decision.effects:
        steps += _effect_steps(effect, basket, names, words)
    if len(decision.effects) > 1:
        steps.append(Step(label=words.say("step", "total"), value=words.points(total)))
    steps += _life_steps(decision, words, zone)
    steps += [
        Step(
            label=rule_name(reason.rule, names=names, language=language),
            value=reason_text(reason, currency=basket.currency, language=language),
        )
        for reason in decision.reasons
        if reason.rule is not None and reason.code != "capped"
    ]
    return Explanation(text=_summary(basket, decision, words), steps=steps)


def _summary(basket: Basket, decision: Decision, words: Catalogue) -> str:
    """How many points in all, and what held for the whole basket."""
    total = decision.points()
    if total:
        return words.say("summary", "points", points=words.points(total))
    whole = [reason for reason in decision.reasons if reason.rule is None]
    told = [reason_text(reason, currency=basket.currency, language=words.language) for reason in whole]
    return " ".join([words.say("summary", "nothing"), *told])


def rule_name(rule: str, *, names: Names, language: str) -> str:
    """The rule's name in the language, else in any, else in English, else its id."""
    return in_words(names.get(rule, {}), language) or rule


def in_words(known: Mapping[str, str], language: str) -> str | None:
    """What is said by language (``*``: any), in this one, else in any, else in English, else in the first."""
    for key in (catalogue(language).language, "*", DEFAULT_LANGUAGE):
        if key in known:
            return known[key]
    return next(iter(known.values()), None)


def effect_text(effect: Effect, *, currency: str, language: str) -> str:
    """How an effect came about: ``1 point for each whole 1.00 NOK of 50.00 NOK``."""
    return rate_text(effect.rate, effect.basis, currency=currency, words=catalogue(language))


def reason_text(reason: Reason, *, currency: str, language: str) -> str:
    """Why a rule gave nothing, with the numbers the reason carries."""
    words, numbers = catalogue(language), reason.numbers
    if reason.code in _ENDS:
        return _end_text(reason, currency, words)
    values = {name: words.points(numbers[name]) for name in _POINTS_OF.get(reason.code, ())}
    if reason.code == "below_minimum":
        values["missing"] = words.money(numbers["minimum"] - numbers["amount"], currency)
        values["minimum"] = words.money(numbers["minimum"], currency)
    elif reason.code in _MONEY:
        values = {name: words.money(number, currency) for name, number in numbers.items()}
    elif reason.code in _PLAIN:
        values = {name: str(number) for name, number in numbers.items()}
    count = numbers.get(_PLAIN.get(reason.code, ""), 0)
    return words.say("reason", reason.code, count=count, **values)


def _end_text(reason: Reason, currency: str, words: Catalogue) -> str:
    """Why a promotion gives no more: nothing is left, in money or in times, or less than it would take off."""
    numbers = reason.numbers
    if "times" in numbers:
        return words.say(
            "reason", f"{reason.code}_times", count=numbers["times"], times=str(numbers["times"])
        )
    code = f"{reason.code}_partly" if "granted" in numbers else reason.code
    values = {name: words.money(number, currency) for name, number in numbers.items()}
    return words.say("reason", code, count=0, **values)


def discount_text(discount: Discount, *, currency: str, language: str) -> str:
    """What a promotion took off: ``5.00 NOK off``."""
    words = catalogue(language)
    return words.say("discount", "off", amount=words.money(discount.granted, currency))


def near_miss_text(
    miss: NearMiss, *, currency: str, names: Names, language: str, of: str = "near_miss"
) -> str:
    """How little was missing: ``2.10 NOK more and Double dairy would have given points.``

    ``of`` is ``near_discount`` for a promotion.
    """
    words, rule = catalogue(language), rule_name(miss.rule, names=names, language=language)
    ((measure, number), *_) = miss.missing.items()
    missing = words.money(number, currency) if measure == "amount" else str(number)
    return words.say(of, measure, count=number, rule=rule, **{measure: missing})


def correction_steps(one: Mapping[str, Any], words: Catalogue) -> list[Step]:
    """Both versions of a correction with what the purchase earns by each, and the reason that was given."""
    steps = [
        Step(label=words.say("step", "by_version", version=one[version]), value=words.points(one[points]))
        for version, points in (("from_version", "points_before"), ("version", "points_after"))
    ]
    if one["reason"]:
        steps.append(Step(label=words.say("step", "correction"), value=one["reason"]))
    return steps


def _basis_steps(basket: Basket, decision: Decision, words: Catalogue) -> list[Step]:
    """What was paid, and how much of it counts, when the two differ."""
    adjusted = dict(decision.basis)
    paid = sum([line.paid for line in basket.lines])
    counted = sum([adjusted.get(line.line_id, line.paid) for line in basket.lines])
    steps = [Step(label=words.say("step", "paid"), value=words.money(paid, basket.currency))]
    if counted != paid:
        steps.append(Step(label=words.say("step", "counted"), value=words.money(counted, basket.currency)))
    return steps


def _effect_steps(effect: Effect, basket: Basket, names: Names, words: Catalogue) -> list[Step]:
    """The rule and its arithmetic, what it came to, and what its cap took."""
    name = words.say("award", effect.award)
    if names.get(effect.rule):
        name = rule_name(effect.rule, names=names, language=words.language)
    text = effect_text(effect, currency=basket.currency, language=words.language)
    steps = [Step(label=name, value=f"{text} = {words.points(effect.desired)}")]
    if effect.granted != effect.desired:
        granted, desired = words.points(effect.granted), words.points(effect.desired)
        capped = words.say("step", "capped", granted=granted, desired=desired)
        steps.append(Step(label=name, value=capped))
    return steps


def _life_steps(decision: Decision, words: Catalogue, zone: tzinfo) -> list[Step]:
    """From when the points can be used, when not at once, and until when; said once for each answer."""
    steps: list[Step] = []
    for effect in decision.effects:
        usable, end = effect.available_at, effect.expires_at
        if usable is None:
            steps.append(Step(label=words.say("step", "on_event"), value=words.points(effect.granted)))
        elif usable > decision.at:
            steps.append(Step(label=words.say("step", "available_at"), value=_day(usable, words, zone)))
        if end is not None:
            last = _day(end - SHORTEST, words, zone)
            steps.append(Step(label=words.say("step", "last_day"), value=last))
    return [step for i, step in enumerate(steps) if step not in steps[:i]]


def _day(moment: datetime, words: Catalogue, zone: tzinfo) -> str:
    return words.day(local_day(moment, zone))
