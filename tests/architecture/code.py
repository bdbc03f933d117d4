"""The package as its modules and what they import, for tests of its shape."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp

import loyalty_api

PACKAGE = Path(loyalty_api.__file__).parent
FEATURES = frozenset(
    {
        "adjustments",
        "analytics",
        "auth",
        "batches",
        "consent",
        "coupons",
        "corrections",
        "custom_events",
        "draws",
        "earning",
        "explanations",
        "facts",
        "gifts",
        "giving",
        "ledger",
        "members",
        "period_bonuses",
        "products",
        "program",
        "promotions",
        "publishing",
        "purchases",
        "rating",
        "redemptions",
        "returns",
        "rewards",
        "sandbox",
        "stores",
        "suggestions",
        "summaries",
        "tiers",
    }
)
STANDARD = frozenset(sys.stdlib_module_names)


@cache
def graph() -> grimp.ImportGraph:
    """Every import between our modules and to libraries, as the files have them now."""
    return grimp.build_graph("loyalty_api", include_external_packages=True, cache_dir=None)


def modules() -> list[str]:
    """Our own modules."""
    return sorted(name for name in graph().modules if name.split(".")[0] == "loyalty_api")


def imported_by(module: str) -> list[str]:
    """What ``module`` imports itself."""
    return sorted(graph().find_modules_directly_imported_by(module))


def feature_of(module: str) -> str | None:
    """The feature that a module belongs to; None for what belongs to no feature."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FEATURES else None


def layer_of(module: str) -> str:
    """The last part of a module's name up to an underscore: ``api`` for ``members.api_people``."""
    return module.rpartition(".")[2].partition("_")[0]


def is_rules(module: str) -> bool:
    """Whether a module must be pure: every feature's rules, all of rating, and the language of rules."""
    return layer_of(module) == "rules" or module.startswith(("loyalty_api.rulekit", "loyalty_api.rating"))


@cache
def sources() -> dict[str, ast.Module]:
    """Every module's syntax tree by its name."""
    return dict(_parsed())


def _parsed() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts))
        yield name.removesuffix(".__init__"), ast.parse(path.read_text())
