"""The gate: whether a new release may replace the one that serves."""
