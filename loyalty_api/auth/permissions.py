"""Who may do what: one row for every operation.

What has no row cannot be called, and the application refuses to start.

A row says which scopes open the operation (any one of them) and, where it is narrower than the scope, which
kinds of caller may ever use it. Kinds that cannot hold the scope anyway are left out by ``needs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api.auth.rules import ALLOWED, MEMBER_SCOPES, SCOPES
from loyalty_api.security import KINDS, Access, Kind

PUBLIC = Access()


def needs(*scopes: str, only: tuple[Kind, ...] = ()) -> Access:
    """An operation that any of ``scopes`` opens, to the kinds that may hold it; ``only`` narrows them."""
    kinds = frozenset(kind for kind in KINDS if any(_may_hold(kind, scope) for scope in scopes))
    return Access(scopes=scopes, kinds=kinds & frozenset(only) if only else kinds)


def _may_hold(kind: Kind, scope: str) -> bool:
    if kind == "member" or scope in MEMBER_SCOPES:
        return kind == "member" and scope in MEMBER_SCOPES
    return scope in ALLOWED[kind]


_OFFICE: tuple[Kind, ...] = ("staff", "admin")

PERMISSIONS: Mapping[str, Access] = {
    # What everyone may see.
    "livez": PUBLIC,
    "readyz": PUBLIC,
    "version": PUBLIC,
    "metrics": PUBLIC,
    "problems": PUBLIC,
    "problem": PUBLIC,
    "docs": PUBLIC,
    "docs_asset": PUBLIC,
    "openapi": PUBLIC,
    "issue_token": PUBLIC,
    "list_signing_keys": PUBLIC,
    "get_authorization_server": PUBLIC,
    # Clients.
    "create_client": needs("clients:write"),
    "list_clients": needs("clients:read"),
    "get_client": needs("clients:read"),
    "edit_client": needs("clients:write"),
    "revoke_client": needs("clients:write"),
    # Members. Lists enumerate, so they are for the office and the merchant's own backend, never for a lane.
    "enrol_member": needs("members:write"),
    "look_up_member": needs("members:lookup"),
    "list_members": needs("members:read", only=(*_OFFICE, "mobile")),
    "search_members": needs("members:read", only=_OFFICE),
    "get_member": needs("members:read"),
    "edit_member": needs("members:write", only=(*_OFFICE, "mobile")),
    "block_member": needs("members:write", only=_OFFICE),
    "unblock_member": needs("members:write", only=_OFFICE),
    "close_member": needs("members:write", only=_OFFICE),
    "add_identifier": needs("members:write"),
    "replace_identifier": needs("members:write"),
    "remove_identifier": needs("members:write"),
    "list_identifiers": needs("members:read"),
    "list_people": needs("members:read", "members:write"),
    "add_person": needs("members:write"),
    "rename_person": needs("members:write"),
    "end_person": needs("members:write"),
    "record_terms": needs("members:write"),
    "list_terms": needs("members:read"),
    "get_gift_choices": needs("members:read"),
    "put_gift_choices": needs("members:write", only=(*_OFFICE, "mobile")),
    # Points.
    "get_member_balance": needs("members:read"),
    "list_member_entries": needs("members:read"),
    "get_member_summary": needs("members:read"),
    "list_member_purchases": needs("members:read"),
    "explain_entry": needs("members:read"),
    "list_member_lots": needs("members:read"),
    "explain_lot": needs("members:read"),
    "get_period_bonus": needs("members:read"),
    # What members do beside buying. A lane sells; it is not believed that somebody answered a survey.
    "report_event": needs("events:write"),
    # Levels.
    "get_member_tier": needs("members:read"),
    "explain_tier_change": needs("members:read"),
    "assign_tier": needs("tiers:assign", only=_OFFICE),
    "end_tier_assignment": needs("tiers:assign", only=_OFFICE),
    # The till.
    "create_quote": needs("quotes:create"),
    # It holds coupons and points, so the right to price is not enough.
    "reserve_quote": needs("redemptions:write"),
    "release_reservation": needs("redemptions:write"),
    "record_purchase": needs("purchases:write"),
    "get_purchase": needs("purchases:read"),
    "explain_purchase": needs("purchases:read"),
    "send_batch": needs("purchases:write", "purchases:import"),
    "list_rejects": needs("purchases:review"),
    "clear_reject": needs("purchases:review"),
    "release_purchase": needs("purchases:write", "purchases:import"),
    "review_purchase": needs("purchases:review"),
    "claim_purchase": needs("claims:write"),
    # Using points.
    "create_redemption": needs("redemptions:write"),
    "get_redemption": needs("redemptions:write", "members:read"),
    "capture_redemption": needs("redemptions:write"),
    "release_redemption": needs("redemptions:write"),
    "reverse_redemption": needs("redemptions:write"),
    "list_member_redemptions": needs("members:read"),
    "list_member_rewards": needs("members:read"),
    "inspect_code": needs("redemptions:write"),
    "use_code": needs("redemptions:write"),
    "list_orders": needs("redemptions:write"),
    "make_order_ready": needs("redemptions:write"),
    "hand_order_over": needs("redemptions:write"),
    "cancel_order": needs("redemptions:write"),
    "adjust_points": needs("points:adjust"),
    # Gifts from the hand of the staff and to lists.
    "give_by_hand": needs("gifts:give", only=_OFFICE),
    "list_gifts_by_staff": needs("gifts:read", only=_OFFICE),
    "create_gift_list": needs("gifts:write", only=_OFFICE),
    "list_gift_lists": needs("gifts:read", only=_OFFICE),
    "get_gift_list": needs("gifts:read", only=_OFFICE),
    "add_gift_list_members": needs("gifts:write", only=_OFFICE),
    "list_gift_list_members": needs("gifts:read", only=_OFFICE),
    "create_reward": needs("rewards:write"),
    "edit_reward": needs("rewards:write"),
    "archive_reward": needs("rewards:write"),
    "list_rewards": needs("rewards:read"),
    "get_reward": needs("rewards:read"),
    # Coupons.
    "create_coupon_batch": needs("coupons:write"),
    "list_coupon_batches": needs("coupons:read"),
    "get_coupon_batch": needs("coupons:read"),
    "hand_out_codes": needs("coupons:write"),
    "confirm_codes": needs("coupons:write"),
    "block_coupon_batch": needs("coupons:write"),
    "list_coupons": needs("coupons:read"),
    "get_coupon": needs("coupons:read"),
    "list_coupon_uses": needs("coupons:read"),
    "block_coupon": needs("coupons:write"),
    "validate_coupon": needs("redemptions:write"),
    "list_member_coupons": needs("members:read"),
    # Draws. Whoever wants to check them may.
    "list_draw_days": PUBLIC,
    "get_draw_day": PUBLIC,
    "list_draws": PUBLIC,
    "get_gift_fairness": needs("program:read"),
    # Gifts.
    "list_member_gifts": needs("members:read"),
    "get_member_gift": needs("members:read"),
    "hand_gift_over": needs("redemptions:write"),
    # Goods that come back.
    "record_return": needs("returns:write"),
    "return_purchase": needs("returns:write"),
    "get_return": needs("returns:write", "purchases:read"),
    "void_purchase": needs("returns:write"),
    "void_receipt": needs("returns:write"),
    "void_return": needs("returns:write"),
    # Stores and products.
    "put_stores": needs("stores:write"),
    "list_stores": needs("stores:read"),
    "get_store": needs("stores:read"),
    "put_products": needs("products:write"),
    "list_products": needs("products:read"),
    "get_product": needs("products:read"),
    # The program.
    "create_program_version": needs("program:write"),
    "edit_program_version": needs("program:write"),
    "publish_program_version": needs("program:write"),
    "list_program_versions": needs("program:read"),
    "get_program_version": needs("program:read"),
    "get_program": needs("program:read"),
    "lint_program_version": needs("program:read", "program:write"),
    "diff_program_versions": needs("program:read"),
    "approve_program_version": needs("program:approve", only=_OFFICE),
    "restore_program_version": needs("program:write"),
    "pause_rule": needs("program:pause", only=_OFFICE),
    "resume_rule": needs("program:pause", only=_OFFICE),
    "list_pauses": needs("program:read"),
    "create_backtest": needs("program:write"),
    "list_backtests": needs("program:read"),
    "get_backtest": needs("program:read"),
    "cancel_backtest": needs("program:write"),
    "get_program_totals": needs("program:read"),
    "list_suggestions": needs("program:read", only=_OFFICE),
    # Promotions and how much of them is left. What a campaign may still cost is not a lane's to know.
    "list_promotions": needs("program:read", only=_OFFICE),
    "get_promotion": needs("program:read", only=_OFFICE),
    "get_member_discount_dependence": needs("members:read", only=_OFFICE),
    "get_program_discount_dependence": needs("program:read", only=_OFFICE),
    "list_events": needs("events:read"),
    # The sandbox.
    "get_sandbox_clock": needs("sandbox:clock"),
    "move_sandbox_clock": needs("sandbox:clock"),
    # The member's own account.
    "me_summary": needs("me:read"),
    "me_balance": needs("me:read"),
    "me_tier": needs("me:read"),
    "me_period_bonus": needs("me:read"),
    "me_card": needs("me:read"),
    "me_activity": needs("me:read"),
    "me_entries": needs("me:read"),
    "me_explain_entry": needs("me:read"),
    "me_lots": needs("me:read"),
    "me_explain_lot": needs("me:read"),
    "me_explain_tier_change": needs("me:read"),
    "me_purchases": needs("me:read"),
    "me_claim": needs("me:claim"),
    "me_list_claims": needs("me:read"),
    "me_get": needs("me:read"),
    "me_edit": needs("me:write"),
    "me_preferences": needs("me:read"),
    "me_edit_preferences": needs("me:write"),
    "me_accept_terms": needs("me:write"),
    "me_list_terms": needs("me:read"),
    "me_gift_choices": needs("me:read"),
    "me_put_gift_choices": needs("me:write"),
    "me_redeem": needs("me:redeem"),
    "me_capture": needs("me:redeem"),
    "me_release": needs("me:redeem"),
    "me_code": needs("me:redeem"),
    "me_redemptions": needs("me:read"),
    "me_rewards": needs("me:read"),
    "me_get_redemption": needs("me:read"),
    "me_coupons": needs("me:read"),
    "me_validate_coupon": needs("me:read"),
    "me_activate_coupon": needs("me:write"),
    "me_draws": needs("me:read"),
    "me_draws_of_day": needs("me:read"),
    "me_gifts": needs("me:read"),
    "me_gift": needs("me:read"),
    "me_open_gift": needs("me:write"),
    "me_claim_gift": needs("me:redeem"),
    "me_delete": needs("me:write"),
    "me_sign_out": needs("me:write"),
}


def security_of(operation: str) -> list[dict[str, list[str]]]:
    """The OpenAPI ``security`` of an operation: any one of its scopes; none for what is public."""
    return [{"oauth2": [scope]} for scope in PERMISSIONS[operation].scopes]


def security_scheme(token_url: str = "/oauth/token") -> dict[str, Any]:  # noqa: S107 - a path, not a password
    """The OpenAPI security scheme that ``security_of`` refers to."""
    return {
        "type": "oauth2",
        "description": "Client credentials; for a member, token exchange (RFC 8693) at the same address.",
        "flows": {"clientCredentials": {"tokenUrl": token_url, "scopes": dict(SCOPES)}},
    }
