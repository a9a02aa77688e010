"""The built-in sources, a module each: a module with a `SOURCE` is one, and nothing lists it.

These modules are imported wherever settings are read, Airflow's DAG files included: they import
what reads rows (Arrow, pandas) only where a source is opened.
"""
