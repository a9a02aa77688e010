"""`make chaos-night`: many faults under the real launcher, and a table of what became of each."""
