"""Candidate generators, one file each: `base` says what one is, docs/extending.md how to add it."""

from recsys_tasks.retrieval.generators.base import SPARE_PLACES, Generator, Vote

__all__ = ["SPARE_PLACES", "Generator", "Vote"]
