"""What a basket costs: promotions, how they go together, and where each cent of them lies."""
