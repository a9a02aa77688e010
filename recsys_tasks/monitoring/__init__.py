"""What happens after publication: metrics, drift, freshness."""
