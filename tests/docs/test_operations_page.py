"""The runbook's commands and queries run, and it has a place for all that an operator may be told."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
import yaml

from loyalty_api import config, operations
from loyalty_api.engines import Engines
from tests.cli.conftest import Installation, empty, folder, installation  # noqa: F401 - fixtures
from tests.docs import markdown
from tests.docs.conftest import _environment
from tests.docs.markdown import ROOT
from tests.docs.shell import run

PAGE = markdown.read("docs/operations.md")
CODE = [
    path
    for path in Path(config.__file__).parent.rglob("*.py")
    if not {"demo", "engines"} & set(path.relative_to(ROOT).parts)
]
QUERIES = [
    statement.strip()
    for block in markdown.blocks(PAGE, "sql")
    for statement in block.text.split(";")
    if statement.strip()
]


@pytest.fixture
def shell(installation: Installation, tmp_path: Path) -> dict[str, str]:  # noqa: F811
    """The environment of an operator of this installation."""
    outside = _environment(tmp_path, tmp_path)
    return {**outside, **installation.environment}


@pytest.mark.parametrize("heading", ["Running it: the runbook", "Keys"])
def test_the_commands_run(shell: dict[str, str], tmp_path: Path, heading: str) -> None:
    commands = [block.text for block in markdown.blocks(markdown.section(PAGE, heading), "sh")]
    wanted = commands[:1] if heading.startswith("Running") else commands
    assert run(wanted, env=shell, folder=tmp_path)


def test_after_the_two_rounds_the_new_key_leads_and_the_old_one_stays_last(
    shell: dict[str, str], tmp_path: Path
) -> None:
    (rotate, _) = (block.text for block in markdown.blocks(markdown.section(PAGE, "Keys"), "sh"))
    first, second = rotate.partition('export LOYALTY_KEYS="${LOYALTY_KEYS#*,}"\n')[::2]
    told = run(
        [first + 'echo "$LOYALTY_KEYS" > 1', f'export LOYALTY_KEYS="${{LOYALTY_KEYS#*,}}"\n{second}'
         'echo "$LOYALTY_KEYS" > 2'],
        env=shell,
        folder=tmp_path,
    )  # fmt: skip
    assert all("opens what is sealed" in said for said in told)
    rings = [(tmp_path / name).read_text().strip() for name in ("1", "2")]
    names = [[key.partition(":")[0] for key in ring.split(",")] for ring in rings]
    assert names == [["first", "second", "first"], ["second", "first"]]
    assert rings[1].endswith(shell["LOYALTY_KEYS"])
    for ring in rings:
        assert len(config._keys(ring)) == len(ring.split(","))


@pytest.mark.parametrize("statement", QUERIES, ids=lambda text: text.split("FROM")[-1].split()[0])
def test_the_queries_run(installation: Installation, running: Engines, statement: str) -> None:  # noqa: F811
    name = psycopg.conninfo.conninfo_to_dict(installation.app_url)["dbname"]
    url = running.database_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(url) as connection:
        connection.execute(statement)  # type: ignore[arg-type]
        connection.rollback()


def test_everything_that_a_doctor_looks_at_is_there() -> None:
    sources = (path.read_text() for path in Path(operations.__file__).parent.glob("doctor*.py"))
    said = {
        about for text in sources for about in re.findall(r'(?:fine|warning|error)\(\s*"([a-z ]+)"', text)
    }
    said |= {"durability"}
    rows = markdown.table(PAGE, "about", "it can be")
    assert {name for row in rows for name in markdown.code(row[0])} == said


def test_every_line_that_a_log_may_have_above_info_is_there() -> None:
    said = {
        event
        for path in CODE
        for event in re.findall(r'_log\.(?:warning|error|exception)\(\s*"([a-z_]+)"', path.read_text())
    }
    rows = markdown.table(PAGE, "event", "it means")
    assert {name for row in rows for name in markdown.code(row[0])} == said


def test_every_file_of_deploy_is_there_and_nothing_else() -> None:
    deploy = ROOT / "deploy"
    there = {str(path.relative_to(deploy)) for path in deploy.rglob("*") if path.is_file()}
    named = {name for row in markdown.table(PAGE, "file", "what it is") for name in markdown.code(row[0])}
    assert named <= there
    assert there - named <= {"compose.env.example", "postgresql/passwords.sh"}


def test_the_paths_that_it_names_exist() -> None:
    document = yaml.safe_load((ROOT / "openapi" / "loyalty-api.yaml").read_text())
    for method, path in re.findall(r"`(GET|POST) (/[^` ]+)`", PAGE):
        assert method.lower() in document["paths"][path], path
