"""Tiers: the level a member has reached, by what they earned, spent or visited, and how far it is to the next."""
