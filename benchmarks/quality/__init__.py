"""How good the published lists are, beside peers."""
