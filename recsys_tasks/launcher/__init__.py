"""Runs Airflow and the embedded PostgreSQL on this machine: the demo, and the UI on 127.0.0.1.

Starts `airflow` as child processes and speaks to it over HTTP; imports none of it.
"""
