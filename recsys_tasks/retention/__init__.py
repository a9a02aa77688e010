"""What the lake keeps, why, and for how long."""
