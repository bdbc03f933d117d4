"""Stores: where purchases happen, and in which time zone."""
