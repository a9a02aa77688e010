"""Which items may be on a list as of a day."""
