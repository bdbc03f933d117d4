"""A loyalty and rewards program behind one REST API."""

__version__ = "0.1.0"
