"""What an operator does with an installation: serve it, look after it, check it."""
