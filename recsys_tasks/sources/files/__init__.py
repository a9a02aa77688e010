"""CSV and Parquet files, or folders of them, as a source."""
