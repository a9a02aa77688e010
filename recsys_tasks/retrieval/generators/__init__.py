"""Candidate generators beside the two-tower, and the fusion of all lists into one."""
