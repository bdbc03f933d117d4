"""A condition written as an expression of CEL, the Common Expression Language: for what others cannot say.

    {"cel": "amount >= 50000 && brands.exists(b, brands[b] * 2 > amount)"}

The language is cut down to what a condition needs, and to what ends soon whatever is written: whole numbers, words,
true and false; no regular expressions, no joining of texts or lists, no comparing of whole maps. What a loop may cost
is bounded by the library, which gives up after 10,000 rounds, and by the length of the text. Types are checked when an
expression is read; what can only be seen when it is asked, such as a key that is not there, is ``UNDECIDED``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from cel_expr_python import cel

from loyalty_api.errors import Fault
from loyalty_api.rulekit.basket import Line
from loyalty_api.rulekit.outcomes import UNDECIDED, Failure, fails
from loyalty_api.rulekit.shapes import text
from loyalty_api.rulekit.situations import Situation, Test
from loyalty_api.rulekit.windows import DAYS, Moment

LONGEST = 500
"""Characters of an expression; with the library's limit on rounds it bounds what an evaluation can cost."""
_SEPARATOR = " > "
_WHERE = re.compile(r"<input>:(\d+):(\d+): ([^\n]*)")
_NOT_MET = fails("expression_not_met")
_text = text(rf".{{1,{LONGEST}}}", f"an expression of 1 to {LONGEST} characters")


def read_expression(value: Any, pointer: str, faults: list[Fault]) -> Test | None:
    """A test of an expression that is true or false; anything else is a fault, told in the library's words."""
    written = _text(value, pointer, faults)
    if written is None:
        return None
    try:
        expression = _environment().compile(written)
    except RuntimeError as error:
        faults.append(Fault(pointer, "not_allowed", _short(str(error))))
        return None
    except TypeError:
        faults.append(Fault(pointer, "not_allowed", "It holds characters that are none."))
        return None
    if expression.return_type() != cel.Type.BOOL:
        kind = expression.return_type().name().lower()
        faults.append(
            Fault(pointer, "not_allowed", f"Expected true or false, and the expression gives {kind}.")
        )
        return None
    return _test(expression, written)


def _test(expression: cel.Expression, written: str) -> Test:
    """Hands over only what the text mentions, because sums by product take longer than most expressions."""
    words = set(re.findall(r"\w+", written))
    asked = [(name, find) for name, (_, find) in VARIABLES.items() if name in words]

    def test(of: Situation) -> Failure | None:
        try:
            found = expression.eval(data={name: find(of) for name, find in asked}).value()
        except Exception:  # too many rounds, or a text that C++ cannot hold: a purchase is rated all the same
            return UNDECIDED
        if found is True:
            return None
        return _NOT_MET if found is False else UNDECIDED

    return test


def _short(message: str) -> str:
    """The first thing that the library found, without its marks: ``Line 1, column 7: found no matching overload…``."""
    found = _WHERE.search(message)
    if found is None:
        return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", message)[:200]
    what = (
        found[3].split(" expecting ")[0].removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
    )
    return f"Line {found[1]}, column {found[2]}: {what[:200]}"


def _summed(names: Callable[[Line], Iterable[str | None]]) -> Callable[[Situation], dict[str, int]]:
    """What was paid for the lines that count, by a name of theirs."""

    def find(of: Situation) -> dict[str, int]:
        sums: dict[str, int] = {}
        for n in of.counted:
            for name in names(of.basket.lines[n]):
                if name is not None:
                    sums[name] = sums.get(name, 0) + of.paid[n]
        return sums

    return find


def _categories(line: Line) -> list[str]:
    """A line's category and those around it: Food, Food > Dairy."""
    return [_SEPARATOR.join(line.category[: n + 1]) for n in range(len(line.category))]


def _payments(of: Situation) -> dict[str, int]:
    sums: dict[str, int] = {}
    for payment in of.basket.payments:
        sums[payment.kind] = sums.get(payment.kind, 0) + payment.amount
    return sums


def _coupons(of: Situation) -> dict[str, int]:
    shown = of.basket.coupons
    return {name: shown.count(name) for name in shown}


def _clock(find: Callable[[Moment], Any]) -> Callable[[Situation], Any]:
    """A part of the moment; an expression is ``timed``, so there is one. Without one the type would not fit."""
    return lambda of: None if of.moment is None else find(of.moment)


def _segments(of: Situation) -> dict[str, int]:
    return dict.fromkeys(of.facts.member.segments, 1) if of.facts.member else {}


_SUMS = cel.Type.Map(cel.Type.STRING, cel.Type.INT)
VARIABLES: Mapping[str, tuple[cel.Type, Callable[[Situation], Any]]] = {
    "amount": (cel.Type.INT, lambda of: sum([of.paid[n] for n in of.counted])),
    "pieces": (cel.Type.INT, lambda of: sum([of.basket.lines[n].pieces for n in of.counted])),
    "skus": (_SUMS, _summed(lambda line: (line.sku,))),
    "categories": (_SUMS, _summed(_categories)),
    "departments": (_SUMS, _summed(lambda line: (line.department,))),
    "brands": (_SUMS, _summed(lambda line: (line.brand,))),
    "tags": (_SUMS, _summed(lambda line: line.tags)),
    "payments": (_SUMS, _payments),
    "coupons": (_SUMS, _coupons),
    "store": (cel.Type.STRING, lambda of: of.basket.store),
    "channel": (cel.Type.STRING, lambda of: of.basket.channel),
    "day": (cel.Type.STRING, _clock(lambda moment: moment.day.isoformat())),
    "weekday": (cel.Type.STRING, _clock(lambda moment: DAYS[moment.weekday])),
    "hour": (cel.Type.INT, _clock(lambda moment: moment.minute // 60)),
    "minute": (cel.Type.INT, _clock(lambda moment: moment.minute % 60)),
    "member": (cel.Type.BOOL, lambda of: of.facts.member is not None),
    "tier": (cel.Type.STRING, lambda of: (of.facts.member and of.facts.member.tier) or ""),
    "staff": (cel.Type.BOOL, lambda of: of.facts.member is not None and of.facts.member.staff),
    "segments": (_SUMS, _segments),
}
"""What an expression may ask, with its type and where it is found. Money is in minor units."""

_LANGUAGE = """
name: conditions
stdlib:
  include_macros: [all, exists, exists_one]
  include_functions:
    - name: "_&&_"
    - name: "_||_"
    - name: "!_"
    - name: "_?_:_"
    - name: "@not_strictly_false"
    - name: "@in"
    - name: "_[_]"
    - name: "size"
    - name: "startsWith"
    - name: "endsWith"
    - name: "contains"
    - {name: "_<_", overloads: [{id: less_int64}, {id: less_string}]}
    - {name: "_<=_", overloads: [{id: less_equals_int64}, {id: less_equals_string}]}
    - {name: "_>_", overloads: [{id: greater_int64}, {id: greater_string}]}
    - {name: "_>=_", overloads: [{id: greater_equals_int64}, {id: greater_equals_string}]}
    - {name: "_+_", overloads: [{id: add_int64}]}
    - {name: "_-_", overloads: [{id: subtract_int64}]}
    - {name: "_*_", overloads: [{id: multiply_int64}]}
    - {name: "_/_", overloads: [{id: divide_int64}]}
    - {name: "_%_", overloads: [{id: modulo_int64}]}
    - {name: "-_", overloads: [{id: negate_int64}]}
"""


@cache
def _environment() -> cel.Env:
    """The language with its variables; numbers, words and truths are equal or not, and nothing larger is compared."""
    comparable = (cel.Type.INT, cel.Type.STRING, cel.Type.BOOL)
    equality = [
        cel.FunctionDecl(
            name,
            [
                cel.Overload(f"{name}{kind.name()}", return_type=cel.Type.BOOL, parameters=[kind, kind])
                for kind in comparable
            ],
        )
        for name in ("_==_", "_!=_")
    ]
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(_LANGUAGE),
        variables={name: kind for name, (kind, _) in VARIABLES.items()},
        functions=equality,
    )
