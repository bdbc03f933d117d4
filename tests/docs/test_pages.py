"""What the pages claim of settings, commands, targets and each other is so."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

from loyalty_api import config
from loyalty_api.cli import main
from loyalty_api.config import Settings
from loyalty_api.program import rules
from loyalty_api.program.rules_settings import SETTINGS
from loyalty_api.rating.rules_program import check_document
from loyalty_api.rulekit.expressions import VARIABLES
from tests.docs import markdown
from tests.docs.markdown import PAGES, ROOT

PROGRAM = markdown.read("docs/program.md")
DOCUMENTS = [
    block.text
    for name in ("docs/program.md", "docs/till.md")
    for block in markdown.blocks(markdown.read(name), "json")
]
HARDLY = {"currency": "EUR", "time_zone": "Europe/Oslo"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in markdown.links(page.read_text()):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{link} leads nowhere."
        if anchor:
            assert anchor in markdown.anchors(target.read_text()), f"{link}: there is no such heading."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_targets_of_make_exist(page: Path) -> None:
    text = page.read_text()
    inside = [
        *markdown.code(markdown.prose(text)),
        *(block.text for block in markdown.blocks(text, "", "sh")),
    ]
    named = {
        target for part in inside for target in re.findall(r"^make ([a-z][a-z0-9-]*)", part, re.MULTILINE)
    }
    there = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_loyalty_exist(page: Path) -> None:
    text = page.read_text()
    inside = [
        *markdown.code(markdown.prose(text)),
        *(block.text for block in markdown.blocks(text, "", "sh")),
    ]
    for part in inside:
        for words in re.findall(r"^(?:\S*/)?loyalty ([a-z].*)$", part, re.MULTILINE):
            _ensure_command(words.split())


def _ensure_command(words: list[str]) -> None:
    command: click.Command | None = main
    context = click.Context(main)
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        command = command.get_command(context, word)
        assert command is not None, f"There is no command loyalty {' '.join(words)}."
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_settings_are_those_that_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every setting has its row with its default, and every row its setting."""
    rows = markdown.table(markdown.read("README.md"), "variable", "default", "meaning")
    said = {markdown.code(name)[0]: default for name, default, _ in rows}
    by_field = {name.removeprefix("LOYALTY_").lower(): name for name in said}
    assert set(by_field) == {field.name for field in fields(Settings)}
    source = Path(config.__file__).read_text()
    assert set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source)) == set(said)
    for name in said:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOYALTY_DATA_DIR", str(tmp_path))
    found = config.read()
    for name, variable in by_field.items():
        if markdown.code(said[variable]):
            assert markdown.code(said[variable]) == [_written(getattr(found, name))]


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("text", DOCUMENTS)
def test_program_documents_of_the_guides_are_valid(text: str) -> None:
    assert check_document(json.loads(text)) == ()


def _paths() -> set[str]:
    """Every setting that a document may name."""
    found = set()
    for name, member in SETTINGS.items():
        section = member.default if isinstance(member.default, dict) else None
        found |= {f"{name}.{inner}" for inner in section} if section else {name}
    return found


def test_the_guide_names_what_an_expression_may_ask() -> None:
    rows = markdown.table(PROGRAM, "name", "type", "value")
    said = {name: kind.strip("`") for names, kind, _ in rows for name in markdown.code(names)}
    assert said == {name: kind.name().lower() for name, (kind, _) in VARIABLES.items()}


def _rows() -> list[list[str]]:
    return markdown.table(PROGRAM, "setting", "values", "default", "meaning")


def test_every_setting_of_a_program_is_in_the_guide() -> None:
    act = {markdown.code(row[0])[0] for row in _rows()}
    wait = markdown.code(markdown.section(PROGRAM, "Settings that are read and do not act yet"))
    assert act | set(wait) == _paths()
    assert not act & set(wait)


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[0])
def test_the_guide_tells_the_defaults_of_a_program(row: list[str]) -> None:
    path, default = markdown.code(row[0])[0], markdown.code(row[2])
    if not default:
        assert path in (*HARDLY, "exclusions")
        return
    section, _, name = path.partition(".")
    value = json.loads(default[0])
    spoken = rules.settings({**HARDLY, section: {name: value} if name else value})
    assert spoken.sections == rules.settings(HARDLY).sections


def test_the_exclusions_that_hold_in_silence_are_those_of_the_guide() -> None:
    """The first two entries of the example are the same as saying nothing."""
    (example,) = [json.loads(text) for text in DOCUMENTS if "exclusions" in text]
    spoken = rules.settings({**HARDLY, "exclusions": example["exclusions"][:2]}).sections["exclusions"]
    silent = rules.settings(HARDLY).sections["exclusions"]
    assert _kinds(spoken) == _kinds(silent)


def _kinds(entries: Any) -> set[tuple[str, str, frozenset[str]]]:
    return {
        (name, value, entry["from"])
        for entry in entries
        for name in entry
        if name != "from"
        for value in entry[name]
    }


def test_the_river_is_the_one_that_is_enforced() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (river,) = [contract["layers"] for contract in contracts if contract["id"] == "river"]
    there = [{name for name in layer.split(" | ") if not name.startswith("(")} for layer in river]
    page = markdown.read("CONTRIBUTING.md")
    drawn = [
        set(re.split(r"\s{2,}", line)[0].split(", "))
        for line in markdown.blocks(page, "text")[0].text.splitlines()
    ]
    assert drawn == [layer for layer in there if layer], (
        "Draw it in CONTRIBUTING.md as pyproject.toml has it."
    )


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "decisions"
    there = {path.name for path in folder.glob("[0-9]*.md")}
    assert set(markdown.links((folder / "README.md").read_text())) & there == there
