"""Habits that a reader counts on, held for every module."""

from __future__ import annotations

import ast

from tests.architecture.code import PACKAGE, imported_by, layer_of, modules, sources

# These begin something at a moment of their own; all others are handed the time.
STARTERS = {
    "loyalty_api.deliveries": "reactions, which run by themselves when a request's own attempt failed",
    "loyalty_api.jobs": "work that runs by itself",
    "loyalty_api.sandbox.following": "what business time is in a sandbox",
    "loyalty_api.idempotency": "when a key was first seen",
    "loyalty_api.health": "what an operator asks of this moment",
    "loyalty_api.operations": "commands",
    "loyalty_api.demo": "a command",
}
# A tolerated module may shrink and not grow; what is no longer too long leaves the list.
LONG = {
    "loyalty_api.http": 313,
    "loyalty_api.purchases.recording": 360,
}
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 70
STATEMENTS = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "MERGE ")


def test_commit_stands_once() -> None:
    commits = {
        module
        for module, tree in sources().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "commit")
        or (isinstance(node, ast.Constant) and node.value == "COMMIT")
    }
    assert commits == {"loyalty_api.db"}, (
        "One request is one transaction: `unit_of_work` commits it, nothing else does."
    )


def test_business_time_is_handed_in() -> None:
    readers = [
        module
        for module in modules()
        if "loyalty_api.clock" in imported_by(module)
        and layer_of(module) not in {"api", "cli"}
        and not module.startswith(tuple(STARTERS))
    ]
    assert not readers, (
        f"{readers} read the clock: take `now` as an argument, so that a test and a back-test can say when."
    )


def test_a_resource_writes_no_statement() -> None:
    found = [
        f"{module}:{node.lineno}"
        for module, tree in sources().items()
        if layer_of(module) in {"api", "schemas"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(STATEMENTS)
    ]
    assert not found, (
        f"{found}: a statement belongs into the feature's queries.py, under a name that says what it does."
    )


def test_modules_are_short() -> None:
    lengths = {module: _length(module) for module in sources()}
    grown = {name: length for name, length in lengths.items() if length > LONG.get(name, MOST_LINES)}
    mended = [name for name, most in LONG.items() if lengths.get(name, 0) <= MOST_LINES]
    assert not grown, f"{grown}: split by what belongs together, never into `utils`."
    assert not mended, f"{mended} are short enough: take them off LONG."


def _length(module: str) -> int:
    path = PACKAGE.parent.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return len(file.read_text().splitlines())


def test_functions_are_short() -> None:
    long = [
        f"{module}.{node.name}: {length}"
        for module, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert not long, f"{long}: a function that needs scrolling does more than one thing."


def test_public_functions_and_classes_say_what_they_are() -> None:
    silent = [
        f"{module}.{node.name}"
        for module, tree in sources().items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not silent, (
        f"{silent}: a docstring says the units, the shapes and the errors of what others may use."
    )
