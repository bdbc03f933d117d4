"""The shared language of rules: baskets, facts and decisions, and the arithmetic every rule uses. Pure.

Nothing here reads a clock, a database or a random source, and nothing here holds a float. Amounts are
integers in the currency's minor unit, points are integers, quantities are integers in the line's unit.
"""
