"""The gate's rules, one file a family: each says its bound, what was seen and whether it holds."""
