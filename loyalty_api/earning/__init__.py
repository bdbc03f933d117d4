"""What a basket earns: base points and bonuses, from rules that say where, when and how much."""
