"""What a whole night costs, from extract to monitor."""
