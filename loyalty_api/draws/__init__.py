"""Draws: seeds committed before their day and revealed after it, and tickets that anybody can check."""
