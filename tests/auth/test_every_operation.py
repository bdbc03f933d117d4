"""The whole application against the permission table: every operation has a row, every row an operation."""

from __future__ import annotations

import pytest

from loyalty_api.app import blueprints
from loyalty_api.auth.permissions import PERMISSIONS
from loyalty_api.docs_page import PAGES
from loyalty_api.http import Operation

OPERATIONS = [operation for blueprint in blueprints() for operation in blueprint.operations]
PATHS = {
    operation.operation_id: f"{blueprint.url_prefix or ''}{operation.rule}"
    for blueprint in blueprints()
    for operation in blueprint.operations
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_no_operation_is_missing_from_the_permission_table(operation: Operation) -> None:
    assert operation.operation_id in PERMISSIONS, "say in auth/permissions.py who may call it"


def test_no_row_speaks_of_an_operation_that_is_not_there() -> None:
    """Pages for people to read are no operations; they have rows because everything that is served has one."""
    assert PERMISSIONS.keys() - {operation.operation_id for operation in OPERATIONS} == PAGES


def test_what_changes_something_is_never_public() -> None:
    public = {
        operation.operation_id for operation in OPERATIONS if not PERMISSIONS[operation.operation_id].scopes
    }
    writes = {operation.operation_id for operation in OPERATIONS if operation.method not in ("GET", "HEAD")}
    assert public & writes == {"issue_token"}


def test_operations_on_members_own_accounts_are_theirs_alone() -> None:
    for operation in OPERATIONS:
        mine = (
            PATHS[operation.operation_id].startswith("/v1/me/") or PATHS[operation.operation_id] == "/v1/me"
        )
        assert ("member" in PERMISSIONS[operation.operation_id].kinds) == mine
