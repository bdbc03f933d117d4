"""The till: quotes, purchases, batches, claims."""
