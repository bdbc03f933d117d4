"""The shape of a feature, and how one reaches another. `lint-imports` holds the river between them."""

from __future__ import annotations

from tests.architecture.code import (
    FEATURES,
    PACKAGE,
    STANDARD,
    feature_of,
    imported_by,
    is_rules,
    layer_of,
    modules,
)

# What a feature shows beside `service` and `rules`, and why.
PUBLIC = {
    "loyalty_api.auth.permissions": "the one table of who may do what, which the API's document shows too",
    "loyalty_api.auth.keys": "the signing keys, which the command line rotates",
    "loyalty_api.ledger.queries": "tills read balances in the round trip that locks their members",
    "loyalty_api.ledger.queries_lots": "lots with what has moved them, which explaining tells",
    "loyalty_api.ledger.reading": "entries as they are shown; purchases and summaries show the same",
    "loyalty_api.ledger.api": "whose account the caller's own is, and how what apps poll is answered",
    "loyalty_api.ledger.schemas": "the schemas of points, so that they look the same wherever they are shown",
    "loyalty_api.members.identifiers": "what a till scanned, as the blind index it is found by",
    "loyalty_api.ledger.overdue": "what time does to many members at once, which jobs do",
    "loyalty_api.tiers.schemas": "the level looks the same wherever it is shown",
    "loyalty_api.tiers.reading": "a member's level as it is shown, which the summary shows as well",
    "loyalty_api.tiers.overdue": "what time does to many members' levels at once, which jobs do",
    "loyalty_api.sandbox.following": "business time of a sandbox, for every process that asks for it",
    "loyalty_api.purchases.booking": "what a decision grants becomes lots and postings, for events as for sales",
    "loyalty_api.purchases.counting": "what rules are told of a member, with the level of that time",
    "loyalty_api.corrections.running": "a correction from its beginning to its end, which the command line does",
    "loyalty_api.coupons.schemas": "what became of a coupon looks the same in quotes and in purchases",
    "loyalty_api.purchases.desk": "what the till's use cases lean on, which jobs hold for reactions",
    "loyalty_api.purchases.api_till": "who reports and what the desk leans on, for whatever else a till sends",
    "loyalty_api.purchases.queries": "purchases and their lines as they are kept, which returns undo",
    "loyalty_api.purchases.queries_claims": "whose the card is that was scanned with goods that come back",
    "loyalty_api.program.api": "a version looks the same wherever it is published",
    "loyalty_api.publishing.backtests": "real purchases through a draft, which jobs carry out",
    "loyalty_api.publishing.running": "the same in the foreground, which the command line does",
    "loyalty_api.publishing.replaying": "what is replayed, which the command line hands on",
    "loyalty_api.purchases.honouring": "discounts that were given stay given, whatever is rated anew",
    "loyalty_api.purchases.limiting": "claims as purchases keep them, which returns count back",
    "loyalty_api.purchases.copies": "what becomes of a receipt, the first time and again",
    "loyalty_api.purchases.recording": "many receipts at once, and why one is refused",
    "loyalty_api.purchases.returned": "what came back of a purchase, as the purchase keeps it",
    "loyalty_api.purchases.schemas": "what a till sends looks the same wherever it is sent",
    "loyalty_api.purchases.claims": "receipts that find their member later: for reactions and a member's summary",
    "loyalty_api.purchases.reserving": "what is held for quotes, whose time being over jobs note",
    "loyalty_api.purchases.forgetting": "counters of periods that are over for good, which jobs forget",
    "loyalty_api.purchases.examples": "the till's example sale, which a batch's item is as well",
    "loyalty_api.returns.schemas": "what a till sends when goods come back, which a batch takes as well",
    "loyalty_api.returns.waiting": "returns whose purchase has come, for reactions and jobs",
    "loyalty_api.returns.voiding": "sales that are undone, which a batch may ask for as well",
    "loyalty_api.draws.fairness": "wins against odds, which the command line shows as well",
    "loyalty_api.draws.keeping": "days of draws from their commitment to their reveal, by what the program says",
    "loyalty_api.draws.reading": "the public record of draws, which the command line checks",
    "loyalty_api.gifts.draw_days": "the days of draws of the program in force, which jobs and sandboxes keep",
    "loyalty_api.redemptions.given": "redemptions that nobody pays for, which gifts of rewards become",
    "loyalty_api.rewards.api": "the schema of a price, so that it looks the same to staff and to members",
    "loyalty_api.rating.words": "decisions in words, which is all that explaining needs of rating",
}
# Assembling features is what these are for.
ASSEMBLERS = {"loyalty_api.app"}
# Modules that may speak HTTP or marshmallow: the edge of each feature and what it stands on.
EDGE_NAMES = {"api", "schemas", "bodies", "edge", "examples", "batch"}
EDGE = {
    "loyalty_api.app", "loyalty_api.docs_page", "loyalty_api.event_feed", "loyalty_api.fields",
    "loyalty_api.deliveries", "loyalty_api.health", "loyalty_api.http", "loyalty_api.idempotency",
    "loyalty_api.loading", "loyalty_api.paging",
    "loyalty_api.ndjson", "loyalty_api.openapi", "loyalty_api.problems", "loyalty_api.security",
    "loyalty_api.telemetry", "loyalty_api.throttle", "loyalty_api.auth.authority",
    "loyalty_api.operations.serving", "loyalty_api.trouble",
}  # fmt: skip
HTTP = {"flask", "flask_smorest", "marshmallow", "webargs", "werkzeug"}
SQL = {"psycopg", "loyalty_api.rows"}
# Libraries that compute and touch nothing.
PURE = {"orjson", "cel_expr_python"}
PLAIN = {"loyalty_api", "loyalty_api.errors", "loyalty_api.language", "loyalty_api.values"}


def test_every_folder_is_known_as_a_feature_or_as_something_else() -> None:
    others = {"catalogues", "demo", "engines", "openapi", "operations", "rulekit", "static", "templates"}
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert folders <= FEATURES | others, (
        "A new folder under loyalty_api: say in tests/architecture/code.py whether it is a feature, and give "
        "it its place in the river in pyproject.toml."
    )


def test_a_feature_reaches_another_through_its_service_or_its_rules() -> None:
    reached = [
        f"{module} imports {target}"
        for module in modules()
        if module not in ASSEMBLERS
        for target in imported_by(module)
        if feature_of(target) not in {None, feature_of(module)}
        and not (target.rsplit(".", 1)[-1] == "service" or is_rules(target) or target in PUBLIC)
    ]
    assert not reached, (
        f"{reached}\nA feature's tables, queries and schemas are its own: what others need of them is a "
        "function of its service, or a rule. If it truly is another door, name it in PUBLIC with the reason."
    )


def test_every_public_door_is_used() -> None:
    used = {
        target
        for module in modules()
        for target in imported_by(module)
        if feature_of(module) != feature_of(target)
    }
    assert set(PUBLIC) <= used, f"Nobody goes through {sorted(set(PUBLIC) - used)}: close it."


def test_a_models_module_is_known_to_its_own_feature_only() -> None:
    reached = [
        f"{module} imports {target}"
        for module in modules()
        for target in imported_by(module)
        if layer_of(target) == "models" and feature_of(target) != feature_of(module)
    ]
    assert not reached, (
        f"{reached}\nTables of another feature are reached through its service; foreign keys are strings."
    )


def test_rules_are_pure() -> None:
    impure = [
        f"{module} imports {target}"
        for module in modules()
        if is_rules(module)
        for target in imported_by(module)
        if not (target in STANDARD | PURE or is_rules(target) or target in {*PLAIN, feature_root(module)})
    ]
    assert not impure, (
        f"{impure}\nA rule decides from what it is handed: it imports the standard library, errors, rulekit "
        "and rules only. Load what it needs in the service and pass it in."
    )


def test_expressions_are_evaluated_in_one_place() -> None:
    users = {module for module in modules() if "cel_expr_python" in imported_by(module)}
    assert users == {"loyalty_api.rulekit.expressions"}, (
        "What an expression may ask and cost is bounded there."
    )


def feature_root(module: str) -> str:
    """The package that a module lies in."""
    return module.rsplit(".", 1)[0]


def test_rules_read_no_clock_and_draw_no_lots() -> None:
    impure = [
        f"{module} imports {target}"
        for module in modules()
        if is_rules(module)
        for target in imported_by(module)
        if target in {"time", "random", "secrets", "os", "socket", "threading"}
    ]
    assert not impure, (
        f"{impure}\nTime and chance are handed in, so that the same inputs decide the same for ever."
    )


def test_http_stays_at_the_edge() -> None:
    inside = [
        f"{module} imports {target}"
        for module in modules()
        if not (module in EDGE or module.startswith("loyalty_api.openapi") or layer_of(module) in EDGE_NAMES)
        for target in imported_by(module)
        if target in HTTP
    ]
    assert not inside, (
        f"{inside}\nOnly the edge knows requests, answers and schemas. A service takes plain values and "
        "raises errors of loyalty_api.errors; trouble.py alone turns those into answers."
    )


def test_a_resource_holds_no_sql() -> None:
    sql = [
        f"{module} imports {target}"
        for module in modules()
        if layer_of(module) == "api"
        for target in imported_by(module)
        if target in SQL
    ]
    assert not sql, (
        f"{sql}\nA resource calls its service once and serialises what it gives; statements live in queries.py."
    )
