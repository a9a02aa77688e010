"""Publishing lists and serving them from PostgreSQL."""
