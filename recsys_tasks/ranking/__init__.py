"""Rankers and re-ranking."""
