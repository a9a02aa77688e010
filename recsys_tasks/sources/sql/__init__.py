"""Tables and queries of a database or a warehouse, read through Ibis."""
