"""Coupons: codes that unlock a rule, made in batches, used with a purchase, and given back when it comes to nothing."""
