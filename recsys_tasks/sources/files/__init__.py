"""CSV, JSON, Parquet and Arrow files, or folders of them, as a source."""
