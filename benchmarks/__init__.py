"""The figures we promise, measured against ceilings of the same framework in the same run (``make bench``)."""
