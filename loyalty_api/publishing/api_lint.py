"""Lint and the difference between versions over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
import orjson
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.errors import Fault, Invalid
from loyalty_api.fields import Choice, Moment, Schema, Text, Whole
from loyalty_api.http import LANGUAGE, Blueprint, spoken, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.program import service as programs
from loyalty_api.publishing.linting import lint_version, version_at
from loyalty_api.publishing.rules_diff import LISTS, changes, told
from loyalty_api.publishing.rules_lint import SEVERITIES
from loyalty_api.publishing.rules_lint_words import shown

blueprint = Blueprint(
    "lint", __name__, url_prefix="/v1", description="What is wrong with a draft, and what it changes"
)


class OtherUnreadable(Invalid):
    """The id to compare with is not one of a draft or a version."""

    code, title = "validation_failed", "This is not the id of a version"


class LintBody(Schema):
    """Nothing needs to be said."""


class WitnessSchema(Schema):
    """A sale that shows it: the basket and the facts as rating stores them, and what the program gives."""

    at = Moment(required=True)
    points = Whole(required=True)
    basket = ma.fields.Dict(required=True)
    facts = ma.fields.Dict(required=True)


class FindingSchema(Schema):
    """One thing that was found. ``searched``: how many sales were tried, where none did it."""

    code = Choice(*SEVERITIES, required=True)
    severity = Choice("error", "warning", "note", required=True)
    rules = ma.fields.List(Text(longest=100), required=True)
    text = Text(required=True, longest=4000)
    searched = Whole(required=True)
    witness = ma.fields.List(ma.fields.Nested(WitnessSchema()), required=True)


class LintSchema(Schema):
    """What was found in a document, the heaviest first; `errors` keep it from being published."""

    program_version_id = Text(required=True)
    fingerprint = Text(required=True)
    errors = Whole(required=True)
    warnings = Whole(required=True)
    notes = Whole(required=True)
    findings = ma.fields.List(ma.fields.Nested(FindingSchema()), required=True)


class ChangeSchema(Schema):
    """One difference; ``path`` is the member that changed, ``old`` and ``new`` its values."""

    about = Choice("setting", *LISTS, required=True)
    item = Text(required=True, allow_none=True)
    what = Choice("added", "removed", "changed", required=True)
    path = Text(required=True, shortest=0, longest=500)
    old = ma.fields.Raw(required=True, allow_none=True)
    new = ma.fields.Raw(required=True, allow_none=True)
    text = Text(required=True, longest=100_000)


class DiffSchema(Schema):
    """Every difference between two documents, settings first."""

    changes = ma.fields.List(ma.fields.Nested(ChangeSchema()), required=True)


class DiffQuery(Schema):
    """The other draft or version: the one from which it changed."""

    other = Text(
        load_default=None, data_key="with", longest=40,
        metadata={"description": "a `program_version_id`; left out: the version in force"},
    )  # fmt: skip


LINT: dict[str, Any] = {
    "program_version_id": "prv_01m80xfza0e4trdbsjq23m1646",
    "fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "errors": 1,
    "warnings": 0,
    "notes": 0,
    "findings": [
        {
            "code": "never_fires",
            "severity": "error",
            "rules": ["gold_week"],
            "text": "Gold week can never give anything: the program has no such level.",
            "searched": 38,
            "witness": [
                {
                    "at": "2026-11-21T11:00:00Z",
                    "points": 100,
                    "basket": {
                        "e": 2, "store": "lint-store", "currency": "NOK",
                        "lines": [{"line_id": "1", "amount": 10000}],
                    },
                    "facts": {"e": 2, "member": {"status": "active"}},
                }
            ],
        }
    ],
}  # fmt: skip
DIFF: dict[str, Any] = {
    "changes": [
        {
            "about": "rule",
            "item": "base",
            "what": "changed",
            "path": "points_per.amount",
            "old": 100,
            "new": 50,
            "text": "Rule base: points_per.amount 1.00 NOK → 0.50 NOK",
        }
    ]
}


@blueprint.operation(
    "POST", "/program/versions/<prv:draft_id>/lint", "lint_program_version", summary="Look for what is wrong",
    body=LintBody(), answer=LintSchema(), example={}, answer_example=LINT, headers=LANGUAGE,
    errors=(programs.VersionUnknown,),
)  # fmt: skip
@idempotent(status=200)
def lint(session: Session, draft_id: UUID, body: dict[str, Any]) -> Answer:  # noqa: ARG001 - it says nothing
    """The rules are tried on sales at and around all their thresholds; each finding has sales that show it."""
    linted = lint_version(session, draft_id=draft_id, now=clock.now())
    counts = [sum(one.severity == level for one in linted.findings) for level in ("error", "warning", "note")]
    return Answer(
        {
            "program_version_id": ids.show("prv", draft_id),
            "fingerprint": linted.fingerprint,
            **dict(zip(("errors", "warnings", "notes"), counts, strict=True)),
            "findings": [shown(one, linted.program, language=spoken()) for one in linted.findings],
        }
    )


@blueprint.operation(
    "GET", "/program/versions/<prv:draft_id>/diff", "diff_program_versions", summary="What a version changes",
    query=DiffQuery(), answer=DiffSchema(), answer_example=DIFF, headers=LANGUAGE,
    errors=(programs.VersionUnknown, OtherUnreadable),
)  # fmt: skip
def diff(draft_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """From the version `with` to this one, by rule and setting, in words."""
    other = ids.read("prv", query["other"]) if query["other"] else None
    if query["other"] and other is None:
        raise OtherUnreadable(
            errors=[Fault("/with", "not_allowed", "Expected the id of a draft or a version.")]
        )
    with unit_of_work() as session:
        new = programs.find_draft(session, draft_id=draft_id).document
        old = _other(session, other)
    currency, language = new["currency"], spoken()
    return {
        "changes": [
            {
                "about": one.about, "item": one.item, "what": one.what, "path": one.path, "old": one.old,
                "new": one.new, "text": told(one, currency=currency, language=language),
            }
            for one in changes(old, new)
        ]
    }  # fmt: skip


def _other(session: Session, draft_id: UUID | None) -> dict[str, Any]:
    """The document to compare with; before the first version there is nothing in it."""
    if draft_id is not None:
        return programs.find_draft(session, draft_id=draft_id).document
    in_force = version_at(session, clock.now())
    found: dict[str, Any] = orjson.loads(in_force.document) if in_force else {}
    return found
