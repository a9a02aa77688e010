"""What reading a shop's data costs."""
