"""Candidates: the two-tower, its index and the other generators."""
