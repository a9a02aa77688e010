"""One revision a file; each runs the SQL file of its name."""
