"""Vectors for other programs: Parquet, the Embedding Projector, a map of the catalogue."""
