"""The gate's error rates over simulated nights."""
