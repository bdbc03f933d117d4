"""A place to try things out: business time that is set and moved forward by hand."""
