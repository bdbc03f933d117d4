"""``loyalty program``: what is wrong with a program, and what it changes, before anybody buys by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from loyalty_api.operations.commands_backtest import backtest
from loyalty_api.operations.commands_correct import correct
from loyalty_api.operations.here import open_here

if TYPE_CHECKING:
    from loyalty_api.publishing.rules_lint_types import Finding
    from loyalty_api.rating.rules_program import Program

_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}
_MOST_SHOWN = 3
_language = click.option("--language", default="en", show_default=True, help="The language of the sentences.")


@click.group()
def program() -> None:
    """Program documents: look for what is wrong, and see what changes."""


program.add_command(backtest)
program.add_command(correct)


@program.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, with their witness.")
@_language
def lint(*, file: Path, as_json: bool, language: str) -> None:
    """Look for what is wrong with the program in FILE. The exit code is 1 when there are errors."""
    from loyalty_api.clock import machine_now
    from loyalty_api.publishing.rules_lint import lint as find
    from loyalty_api.publishing.rules_lint_words import shown
    from loyalty_api.rating.rules_program import compile_program

    compiled = compile_program(_read(file), version=0)
    findings = find(compiled, now=machine_now())
    if as_json:
        found = [shown(finding, compiled, language=language) for finding in findings]
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))
    else:
        _tell(findings, compiled, language)
    if any(finding.severity == "error" for finding in findings):
        raise click.exceptions.Exit(1)


def _tell(findings: tuple[Finding, ...], compiled: Program, language: str) -> None:
    from loyalty_api.language import catalogue
    from loyalty_api.publishing.rules_lint_words import sentence, severity, witness

    currency, names = compiled.settings.currency, compiled.names
    for finding in findings:
        level = click.style(severity(finding, language=language), fg=_COLOURS[finding.severity])
        said = sentence(finding, currency=currency, names=names, language=language)
        click.echo(f"{level} {finding.code}\n  {said}")
        for line in witness(finding, currency=currency, language=language)[:_MOST_SHOWN]:
            click.echo(f"    {line}")
    if not findings:
        click.echo(catalogue(language).say("diff", "nothing"))


@program.command()
@click.argument("old")
@click.argument("new")
@_language
def diff(*, old: str, new: str, language: str) -> None:
    """Show in words what changes from OLD to NEW: files, numbers of versions, or ids of drafts (prv_…)."""
    from loyalty_api.language import catalogue
    from loyalty_api.publishing.rules_diff import changes, told

    before, after = _document(old), _document(new)
    found = changes(before, after)
    for change in found:
        click.echo(told(change, currency=after["currency"], language=language))
    if not found:
        click.echo(catalogue(language).say("diff", "same"))


def _document(named: str) -> dict[str, Any]:
    """A program by what it is called: a file, the number of a version, or a draft's id."""
    if Path(named).is_file():
        return _read(Path(named))
    return _stored(named)


def _read(file: Path) -> dict[str, Any]:
    """A document without faults. Raises UnfitDocument with every fault."""
    from loyalty_api.program.rules_document import UnfitDocument
    from loyalty_api.rating.rules_program import check_document

    try:
        document = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{file} is not JSON: {error}") from error
    faults = check_document(document)
    if faults:
        raise UnfitDocument(errors=faults)
    found: dict[str, Any] = document
    return found


def _stored(named: str) -> dict[str, Any]:
    from loyalty_api import ids
    from loyalty_api.db import Database
    from loyalty_api.operations.place import ensure_schema
    from loyalty_api.program import service

    draft_id = ids.read("prv", named)
    if draft_id is None and not (named.isascii() and named.isdigit()):
        raise click.ClickException(f"{named} is no file, no number of a version and no id of a draft.")
    with open_here() as place:
        ensure_schema(place)
        database = Database(place.settings.database_url)
        try:
            with database.unit_of_work() as session:
                if draft_id is not None:
                    return service.find_draft(session, draft_id=draft_id).document
                for version in service.published(session):
                    if version.version == int(named):
                        found: dict[str, Any] = orjson.loads(version.document)
                        return found
        finally:
            database.close()
    raise service.VersionUnknown
