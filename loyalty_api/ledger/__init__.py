"""Every point, in and out, once: journals of postings, lots and balances."""
