"""The built-in column groups, one file each (see ranking.columns.base)."""
