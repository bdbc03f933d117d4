"""Points that are used: held, captured, released and given back; for a basket, a number of points or a reward."""
