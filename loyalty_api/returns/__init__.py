"""Goods that come back: returns, price corrections, exchanges and voids."""
