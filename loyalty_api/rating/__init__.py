"""The one pure function in the middle: a basket, facts and a program go in, a decision comes out."""
