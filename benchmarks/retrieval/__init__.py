"""The two-tower and the index beside peers: recall by seconds, speed, warm nights, cold items."""
