"""What readers see now, and whether that is what they should see."""
