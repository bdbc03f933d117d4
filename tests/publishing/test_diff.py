"""Two versions in words."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

from click.testing import CliRunner

from loyalty_api.cli import main
from loyalty_api.publishing.rules_diff import changes, told
from tests.support.shop import BASIC

OTHER = deepcopy(BASIC)
OTHER["earn"]["rules"][0]["points_per"] = {"points": 2, "amount": 50}
OTHER["earn"]["rules"][1] = {"id": "hello", "kind": "bonus", "points": 50, "minimum_basket": 1000}
OTHER["purchases"] = {"late_days": 14}
OTHER["tiers"] = {"levels": [{"id": "gold", "threshold": 0}]}


def said(language: str = "en") -> list[str]:
    return [told(change, currency="USD", language=language) for change in changes(BASIC, OTHER)]


def test_what_is_new_gone_and_changed_in_peoples_units() -> None:
    assert said() == [
        "Setting: purchases.late_days null → 14",
        "Rule base: points_per.points 1 point → 2 points",
        "Rule base: points_per.amount 1.00 USD → 0.50 USD",
        "Rule produce_bonus: gone (kind bonus, name.en Fruit and vegetables bonus, name.nb Bonus på frukt og grønt,"
        " points_per.points 1 point, points_per.amount 1.00 USD, where.department [PRODUCE])",
        "Rule hello: new (kind bonus, points 50 points, minimum_basket 10.00 USD)",
        "Level gold: new (threshold 0)",
    ]
    assert said("nb")[2] == "Regel base: points_per.amount 1,00 USD → 0,50 USD"


def test_a_document_does_not_differ_from_itself() -> None:
    assert changes(OTHER, deepcopy(OTHER)) == ()


def test_the_command_reads_files(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(BASIC))
    new.write_text(json.dumps(OTHER))
    shown = CliRunner().invoke(main, ["program", "diff", str(old), str(new)])
    assert (shown.exit_code, shown.output.splitlines()) == (0, said())
    same = CliRunner().invoke(main, ["program", "diff", str(old), str(old)])
    assert same.output == "No difference.\n"
    odd = CliRunner().invoke(main, ["program", "diff", str(old), "nowhere"])
    assert (odd.exit_code, "nowhere is no file" in odd.output) == (1, True)
