"""The versioned, effective-dated rules of the program, as documents."""
